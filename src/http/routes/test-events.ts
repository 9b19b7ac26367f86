/** Test events: the answer is the attempt, also of an exchange that failed. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { type AttemptContext, findAttempt } from '../../deliveries/find-attempt.js'
import { readTestEvent, type TestEvents, testEventBody } from '../../events/test-event.js'
import { testEventShape, toAttempt } from '../attempt-shapes.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { idParameter } from '../shapes.js'

export const testEventRoutes =
  (parts: Omit<AttemptContext, 'database'> & { testEvents: TestEvents }): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/subscriptions/:id/test-event',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'sendTestEvent',
          summary: 'Send a test event to a subscription',
          description:
            'Delivers once, now and without a retry, to this subscription only: whatever its types and its filter, and ' +
            'also while it is disabled. Answers with the attempt once the exchange has ended, also when it failed.',
          params: idParameter,
          body: testEventBody.meta({
            id: 'NewTestEvent',
            examples: [{ type: 'user.created', data: { userId: 'u_123' } }],
          }),
          response: answers(
            { 200: testEventShape.describe('What was sent, and what came of it.') },
            404,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request) => {
        const { params, body, bodyText, database } = request
        const sent = await parts.testEvents.send(database, params.id, readTestEvent(body, bodyText))
        const context = contextFor(request, parts)
        return { ...sent, log: toAttempt(await findAttempt(context, sent.deliveryId, '1')) }
      },
    )
  }
