import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { listDeliveries } from '../../deliveries/find.js'
import { type RetryContext, retryDelivery, retryEvent } from '../../deliveries/retry.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import {
  deliveryPage,
  deliveryStatus,
  eventIdParameter,
  idInQuery,
  idParameter,
  pageQuery,
  retriedEventShape,
  retriedShape,
  toDelivery,
} from '../shapes.js'

const listQuery = pageQuery.extend({
  status: deliveryStatus.optional(),
  eventId: idInQuery.optional(),
  subscriptionId: idInQuery.optional(),
})

export const deliveryRoutes =
  (context: RetryContext): FastifyPluginAsyncZod =>
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
      async ({ query: { limit, cursor, ...filter } }) => {
        const { items, nextCursor } = await listDeliveries(context.database, filter, { limit, cursor })
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
      async ({ params }, reply) => {
        const retried = await retryDelivery(context, params.id)
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
      async ({ params }, reply) => {
        const retried = await retryEvent(context, params.eventId)
        reply.code(202)
        return retried
      },
    )
  }
