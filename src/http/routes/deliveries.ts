import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { statusClasses } from '../../deliveries/failures.js'
import { listDeliveries } from '../../deliveries/find.js'
import { type RetryContext, retryDelivery, retryEvent } from '../../deliveries/retry.js'
import { tenant } from '../../model/tenant.js'
import { isoTime } from '../../platform/iso-time.js'
import { uuidInput } from '../../platform/uuid-input.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import {
  deliveryPage,
  deliveryStatus,
  eventIdParameter,
  idParameter,
  pageQuery,
  retriedEventShape,
  retriedShape,
  toDelivery,
} from '../shapes.js'

const listQuery = pageQuery.extend({
  status: deliveryStatus.optional(),
  eventId: uuidInput.optional(),
  subscriptionId: uuidInput.optional(),
  tenant: tenant.optional().meta({ description: 'To subscriptions of this tenant.' }),
  error: z.string().min(1).max(500).optional().meta({ description: 'Text in `lastError`, in any case.' }),
  statusClass: z
    .enum(statusClasses, { error: `must be one of ${statusClasses.join(', ')}` })
    .optional()
    .meta({ description: 'Of `lastStatusCode`; NONE where the last attempt had no answer.' }),
  createdFrom: isoTime.optional().meta({ description: 'Created at this moment or later.' }),
  createdTo: isoTime.optional().meta({ description: 'Created before this moment.' }),
  updatedFrom: isoTime.optional().meta({ description: 'Last changed at this moment or later.' }),
  updatedTo: isoTime.optional().meta({ description: 'Last changed before this moment.' }),
})

export const deliveryRoutes =
  (parts: Omit<RetryContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/deliveries',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Deliveries'],
          operationId: 'listDeliveries',
          summary: 'Deliveries, newest first',
          querystring: listQuery,
          response: answers({ 200: deliveryPage.describe('A page of deliveries.') }),
        },
      },
      async ({ database, query }) => {
        const { limit, cursor, createdFrom, createdTo, updatedFrom, updatedTo, ...rest } = query
        const createdAt = { from: createdFrom, to: createdTo }
        const filter = { ...rest, createdAt, updatedAt: { from: updatedFrom, to: updatedTo } }
        const { items, nextCursor } = await listDeliveries(database, filter, { limit, cursor })
        return { items: items.map(toDelivery), nextCursor }
      },
    )

    app.post(
      '/deliveries/:id/retry',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Deliveries'],
          operationId: 'retryDelivery',
          summary: 'Retry a FAILED or DEAD delivery',
          params: idParameter,
          response: answers({ 202: retriedShape.describe('It is due now.') }, 404, 409, ...BODY_PROBLEMS),
        },
      },
      async (request, reply) => {
        const retried = await retryDelivery(contextFor(request, parts), request.params.id)
        reply.code(202)
        return retried
      },
    )

    app.post(
      '/deliveries/events/:eventId/retry',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Deliveries'],
          operationId: 'retryEvent',
          summary: 'Retry every FAILED or DEAD delivery of an event',
          params: eventIdParameter,
          response: answers(
            { 202: retriedEventShape.describe('What became of its deliveries.') },
            404,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request, reply) => {
        const retried = await retryEvent(contextFor(request, parts), request.params.eventId)
        reply.code(202)
        return retried
      },
    )
  }
