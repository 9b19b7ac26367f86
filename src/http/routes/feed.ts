/** How a consumer takes the deliveries of a subscription of kind PULL, and answers them. */
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { findDelivery } from '../../deliveries/find.js'
import { withWaitingFor } from '../../deliveries/waiting-for.js'
import {
  type AnswerContext,
  acknowledgeDelivery,
  acknowledgement,
  extendDelivery,
  extension,
  rejectDelivery,
  rejection,
} from '../../pull/answer.js'
import { type FeedContext, takeDeliveries } from '../../pull/feed.js'
import type { VisibleDatabase } from '../../tenants/visible-database.js'
import { contextFor } from '../auth.js'
import { extendedShape, feedQuery, feedShape, toPulledDelivery } from '../feed-shapes.js'
import type { HttpShutdown } from '../http-shutdown.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { deliveryShape, idParameter, toDelivery } from '../shapes.js'

type Parts = Omit<FeedContext & AnswerContext, 'database'>

export const feedRoutes =
  (parts: Parts, stop: HttpShutdown): FastifyPluginAsyncZod =>
  async (app) => {
    const waits = new Set<AbortController>()
    stop.endStreamsBy(async () => {
      for (const wait of waits) wait.abort()
    })

    /** Calls back with a signal that ends a wait, when the consumer leaves or the process stops. */
    async function waiting<Result>(
      reply: FastifyReply,
      run: (signal: AbortSignal, hasLeft: () => boolean) => Promise<Result>,
    ): Promise<Result> {
      const wait = new AbortController()
      const end = () => wait.abort()
      waits.add(wait)
      reply.raw.once('close', end)
      try {
        return await run(wait.signal, () => reply.raw.destroyed)
      } finally {
        waits.delete(wait)
        reply.raw.off('close', end)
      }
    }

    app.get(
      '/subscriptions/:id/feed',
      {
        config: { scope: 'consume' },
        schema: {
          tags: ['Pull'],
          operationId: 'takeDeliveries',
          summary: 'Take due deliveries of a subscription of kind PULL',
          description:
            'Leases them to the caller, and waits up to `wait` seconds where none is due. Each must be acknowledged before ' +
            'its `leaseEndsAt`: else its attempt has failed, and it is retried. Empty where none was due in time, and of a ' +
            'disabled subscription.',
          params: idParameter,
          querystring: feedQuery,
          response: answers({ 200: feedShape.describe('What the caller now has.') }, 404, 409),
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const { limit, wait } = request.query
        const items = await waiting(reply, (signal, hasLeft) =>
          takeDeliveries(contextFor(request, parts), id, { limit, wait, signal, hasLeft }),
        )
        return { items: items.map(toPulledDelivery) }
      },
    )

    app.post(
      '/deliveries/:id/acknowledge',
      {
        config: { scope: 'consume' },
        schema: {
          tags: ['Pull'],
          operationId: 'acknowledgeDelivery',
          summary: 'Acknowledge a delivery that was taken: it is SENT',
          description: 'Once more, by the same attempt, is answered like the first time.',
          params: idParameter,
          body: acknowledgement.meta({ id: 'Acknowledgement', examples: [{ attempt: 1 }] }),
          response: answers({ 200: deliveryShape.describe('It is SENT.') }, 404, 409, ...BODY_PROBLEMS),
        },
      },
      async (request) => {
        const { params, body, database } = request
        await acknowledgeDelivery(contextFor(request, parts), params.id, body.attempt)
        return shown(database, params.id)
      },
    )

    app.post(
      '/deliveries/:id/reject',
      {
        config: { scope: 'consume' },
        schema: {
          tags: ['Pull'],
          operationId: 'rejectDelivery',
          summary: 'Reject a delivery that was taken: its attempt has failed',
          description: 'It is retried like a webhook that failed, or is DEAD when its attempts are used up.',
          params: idParameter,
          body: rejection.meta({ id: 'Rejection', examples: [{ attempt: 1, error: 'no such account' }] }),
          response: answers(
            { 200: deliveryShape.describe('It is FAILED or DEAD.') },
            404,
            409,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request) => {
        const { params, body, database } = request
        await rejectDelivery(contextFor(request, parts), params.id, body)
        return shown(database, params.id)
      },
    )

    app.post(
      '/deliveries/:id/extend',
      {
        config: { scope: 'consume' },
        schema: {
          tags: ['Pull'],
          operationId: 'extendDelivery',
          summary: 'Keep a delivery that was taken for longer',
          params: idParameter,
          body: extension.meta({ id: 'Extension', examples: [{ attempt: 1, seconds: 60 }] }),
          response: answers({ 200: extendedShape.describe('Until when.') }, 404, 409, ...BODY_PROBLEMS),
        },
      },
      async (request) => {
        const { leaseEndsAt } = await extendDelivery(
          contextFor(request, parts),
          request.params.id,
          request.body,
        )
        return { leaseEndsAt: leaseEndsAt.toISOString() }
      },
    )
  }

async function shown(database: VisibleDatabase, id: string) {
  const [delivery] = await withWaitingFor(database, [await findDelivery(database, id)])
  return toDelivery(delivery as NonNullable<typeof delivery>)
}
