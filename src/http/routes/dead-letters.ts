import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  type DeadLetterGroup,
  deadLetterGroupings,
  findDeadLetterGroups,
  MAX_DEAD_LETTER_GROUPS,
} from '../../deliveries/dead-letters.js'
import { tenant } from '../../model/tenant.js'
import { uuidInput } from '../../platform/uuid-input.js'
import { listInQuery } from '../list-in-query.js'
import { answers } from '../openapi.js'
import { id, time } from '../shapes.js'

const groupsQuery = z.strictObject({
  by: listInQuery(deadLetterGroupings)
    .optional()
    .meta({ description: 'SUBSCRIPTION, ERROR or both; without any, all dead letters are one group.' }),
  subscriptionId: uuidInput.optional().meta({ description: 'Those of this subscription.' }),
  tenant: tenant.optional().meta({ description: 'To subscriptions of this tenant.' }),
})

const groupShape = z
  .object({
    subscriptionId: id.nullable().meta({ description: 'Null unless grouped by SUBSCRIPTION.' }),
    lastError: z.string().nullable().meta({ description: 'Null unless grouped by ERROR.' }),
    count: z.int().meta({ description: 'How many dead letters.' }),
    isCountExact: z.boolean().meta({ description: 'Whether there are no more than `count`.' }),
    firstAt: time.meta({ description: 'When the first of them became DEAD.' }),
    lastAt: time.meta({ description: 'When the last of them became DEAD.' }),
    lastDeliveryId: id.meta({ description: 'The last of them.' }),
  })
  .meta({ id: 'DeadLetterGroup', description: 'Dead letters of one subscription, of one error, or both.' })

const toGroup = ({ firstAt, lastAt, ...group }: DeadLetterGroup) => ({
  ...group,
  firstAt: firstAt.toISOString(),
  lastAt: lastAt.toISOString(),
})

export const deadLetterRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/dead-letters',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['Deliveries'],
        operationId: 'listDeadLetterGroups',
        summary: 'Dead letters in groups, by subscription and error',
        querystring: groupsQuery,
        response: answers({
          200: z
            .object({ items: z.array(groupShape).max(MAX_DEAD_LETTER_GROUPS) })
            .describe(`The ${MAX_DEAD_LETTER_GROUPS} largest groups, the largest first.`),
        }),
      },
    },
    async ({ database, query: { by = [], ...filter } }) => {
      const groups = await findDeadLetterGroups(database, { ...filter, by })
      return { items: groups.map(toGroup) }
    },
  )
}
