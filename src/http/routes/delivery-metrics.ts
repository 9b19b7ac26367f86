import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { findDeliveryMetrics, metricsGroups, metricsIntervals } from '../../delivery-metrics/find.js'
import { isoTime } from '../../platform/iso-time.js'
import { uuidInput } from '../../platform/uuid-input.js'
import { listInQuery } from '../list-in-query.js'
import { answers } from '../openapi.js'
import { metricsShape } from '../shapes.js'

const metricsQuery = z.strictObject({
  from: isoTime.meta({ description: 'The first bucket holds this moment.' }),
  to: isoTime.optional().meta({ description: 'Before this moment; now when it is absent.' }),
  interval: z
    .enum(metricsIntervals, { error: `must be one of ${metricsIntervals.join(', ')}` })
    .default('HOUR')
    .meta({ description: 'How long a bucket lasts. Minutes are kept for two days.' }),
  groupBy: listInQuery(metricsGroups)
    .optional()
    .meta({ description: 'SUBSCRIPTION, TYPE or both; without any, a bucket has one row.' }),
  subscriptionId: uuidInput.optional().meta({ description: 'Attempts of this subscription.' }),
  type: z.string().optional().meta({ description: 'Attempts for events of this type.' }),
})

export const deliveryMetricsRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/delivery-metrics',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['Operation'],
        operationId: 'getDeliveryMetrics',
        summary: 'Attempts and response times by minute, hour or day',
        querystring: metricsQuery,
        response: answers({
          200: z
            .object({ items: z.array(metricsShape) })
            .describe('The buckets that have attempts, in the order of time.'),
        }),
      },
    },
    async ({ database, query: { type, groupBy = [], ...request } }) => {
      const items = await findDeliveryMetrics(database, { ...request, groupBy, eventType: type })
      return {
        items: items.map(({ startsAt, eventType, ...metrics }) => ({
          ...{ startsAt: startsAt.toISOString(), type: eventType },
          ...metrics,
        })),
      }
    },
  )
}
