/** One attempt of a delivery, whole. Lists of attempts leave out what was sent and answered, which may be long. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { type AttemptContext, findAttempt } from '../../deliveries/find-attempt.js'
import { attemptShape, toAttempt } from '../attempt-shapes.js'
import { contextFor } from '../auth.js'
import { answers } from '../openapi.js'
import { attemptParameters } from '../shapes.js'

export const attemptRoutes =
  (parts: Omit<AttemptContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/deliveries/:id/logs/:attempt',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Deliveries'],
          operationId: 'getAttempt',
          summary: 'An attempt of a delivery, with what was sent and answered',
          params: attemptParameters,
          response: answers({ 200: attemptShape.describe('The attempt.') }, 404),
        },
      },
      async (request) => {
        const { id, attempt } = request.params
        return toAttempt(await findAttempt(contextFor(request, parts), id, attempt))
      },
    )
  }
