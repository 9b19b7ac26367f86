import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { countStats } from '../../deliveries/stats.js'
import { answers } from '../openapi.js'

const shape = z
  .object({
    eventsTotal: z.int(),
    deliveriesTotal: z.int(),
    deliveriesPending: z.int(),
    deliveriesSent: z.int(),
    deliveriesFailed: z.int(),
    deliveriesDead: z.int(),
    subscriptionsTotal: z.int(),
    subscriptionsEnabled: z.int(),
  })
  .meta({ id: 'Stats' })

export const statsRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/stats',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['Operation'],
        operationId: 'getStats',
        summary: 'How much there is of everything',
        response: answers({ 200: shape.describe('The counts.') }),
      },
    },
    async ({ database }) => countStats(database),
  )
}
