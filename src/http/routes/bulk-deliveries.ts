/** Many deliveries at once: jobs as replays are. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { createReplay, type ReplayContext } from '../../replays/create.js'
import { discardBody, retryBody } from '../../replays/input.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { answerCreated, createdReplayShapes } from '../replay-shapes.js'

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
            response: answers(createdReplayShapes, 409, ...BODY_PROBLEMS),
          },
        },
        async (request, reply) =>
          answerCreated(reply, await createReplay(contextFor(request, parts), request.body, kind)),
      )
    }
  }
