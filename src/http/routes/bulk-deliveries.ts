/** Many deliveries at once: jobs as replays are. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { createReplay, type ReplayContext } from '../../replays/create.js'
import { discardBody, retryBody } from '../../replays/input.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { replayCountShape, replayShape, toReplay } from '../replay-shapes.js'
import { locationHeader } from '../shapes.js'

const example = { filter: { lastError: 'answered 503' }, ratePerSecond: 50 }

const jobs = {
  retry: {
    kind: 'RETRY',
    operationId: 'retryDeliveries',
    summary: 'Retry many FAILED or DEAD deliveries',
    body: retryBody.meta({ id: 'NewRetry', examples: [example] }),
  },
  discard: {
    kind: 'DISCARD',
    operationId: 'discardDeliveries',
    summary: 'Discard many dead letters',
    body: discardBody.meta({ id: 'NewDiscard', examples: [example] }),
  },
} as const

export const bulkDeliveryRoutes =
  (parts: Omit<ReplayContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    for (const [name, { kind, body, ...described }] of Object.entries(jobs)) {
      app.post(
        `/deliveries/${name}`,
        {
          config: { scope: 'manage' },
          schema: {
            tags: ['Deliveries'],
            ...described,
            body,
            response: answers(
              {
                201: replayShape.meta({
                  description: 'It runs.',
                  headers: locationHeader('/v1/replays/{id}'),
                }),
                200: replayCountShape.describe('Of a dry run.'),
              },
              409,
              ...BODY_PROBLEMS,
            ),
          },
        },
        async (request, reply) => {
          const { replay, total } = await createReplay(contextFor(request, parts), request.body, kind)
          if (replay === null) return { total }
          reply.code(201).header('location', `/v1/replays/${replay.id}`)
          return toReplay(replay)
        },
      )
    }
  }
