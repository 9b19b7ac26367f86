import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { listDeliveries } from '../../deliveries/find.js'
import { type RetryContext, retryDelivery, retryEvent } from '../../deliveries/retry.js'
import { answers } from '../openapi.js'
import {
  deliveryShape,
  deliveryStatus,
  eventIdParameter,
  idParameter,
  pageOf,
  pageQuery,
  retriedShape,
  toDelivery,
} from '../shapes.js'

const listQuery = pageQuery.extend({
  status: deliveryStatus.optional(),
  eventId: z.string().optional(),
  subscriptionId: z.string().optional(),
})

export const deliveryRoutes =
  (context: RetryContext): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/deliveries',
      {
        schema: {
          tags: ['Deliveries'],
          summary: 'Deliveries, newest first',
          querystring: listQuery,
          response: answers({ 200: pageOf(deliveryShape) }, 400),
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
        schema: {
          tags: ['Deliveries'],
          summary: 'Retry a FAILED or DEAD delivery',
          params: idParameter,
          response: answers({ 202: retriedShape }, 404, 409),
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
        schema: {
          tags: ['Deliveries'],
          summary: 'Retry every FAILED or DEAD delivery of an event',
          params: eventIdParameter,
          response: answers({ 202: retriedShape }, 404),
        },
      },
      async ({ params }, reply) => {
        const retried = await retryEvent(context, params.eventId)
        reply.code(202)
        return retried
      },
    )
  }
