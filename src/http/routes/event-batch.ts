/** Many events in one request: each is answered by itself, as it would be alone. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from '../../events/publication.js'
import type { Published } from '../../events/publish.js'
import { type PublishManyContext, publishMany, readOneOfMany } from '../../events/publish-many.js'
import { itemTexts, memberTexts, type RawJson } from '../../events/raw-json.js'
import { toServiceError } from '../../platform/service-errors.js'
import { validatorOf } from '../input.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { problemBody, toProblem } from '../problem.js'
import { id } from '../shapes.js'
import { newEvent } from './events.js'

const bodyOf = (event: z.ZodType) =>
  z.strictObject({
    events: z
      .array(event)
      .min(1, 'must hold at least one event')
      .max(MAX_BATCH_EVENTS, `must hold at most ${MAX_BATCH_EVENTS} events`),
  })

const batchItemShape = z
  .object({
    status: z.int().meta({ description: '202, 200 for an earlier event of the key, or that of the error.' }),
    eventId: id.optional(),
    deduplicated: z.boolean().optional(),
    error: problemBody.optional(),
  })
  .meta({ id: 'BatchItem', description: 'What became of one event.' })

const batchShape = z
  .object({ items: z.array(batchItemShape) })
  .meta({ id: 'PublishedEvents', description: 'One item for each event, in order.' })

export const eventBatchRoutes =
  (context: PublishManyContext): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/events/batch',
      {
        config: { scope: 'publish' },
        bodyLimit: Math.max(MAX_BATCH_BYTES, context.eventMaxBytes),
        // Each item is checked by itself. OpenAPI shows what it should be.
        validatorCompiler: ({ httpPart }) => validatorOf(bodyOf(z.unknown()), httpPart),
        schema: {
          tags: ['Events'],
          operationId: 'publishEvents',
          summary: 'Publish many events',
          description:
            `Takes up to ${MAX_BATCH_EVENTS} events and ${MAX_BATCH_BYTES / 1024 / 1024} MiB, and commits those that are ` +
            'valid together. Each is answered by itself, in order: its `status` is what the event alone would have ' +
            'been answered with. Give an `eventId` with each, so that the request can be sent again.',
          body: bodyOf(newEvent).meta({
            id: 'NewEvents',
            examples: [
              {
                events: [
                  { type: 'user.created', data: { userId: 'u_123' }, eventId: 'signup-123' },
                  { type: 'user.created', data: { userId: 'u_124' }, eventId: 'signup-124' },
                ],
              },
            ],
          }),
          response: answers({ 200: batchShape.describe('What became of each.') }, ...BODY_PROBLEMS),
        },
      },
      async ({ body, bodyText, database }) => {
        const texts = itemTexts(memberTexts(bodyText, Number.POSITIVE_INFINITY).get('events') as RawJson)
        const read = body.events.map((item, index) =>
          readOneOfMany(item, texts[index] as RawJson, context.eventMaxBytes, database),
        )
        return { items: (await publishMany(context, read)).map(toItem) }
      },
    )
  }

function toItem(result: Published | Error): z.output<typeof batchItemShape> {
  if (result instanceof Error) {
    const error = toProblem(toServiceError(result))
    return { status: error.status, error }
  }
  const { eventId, deduplicated } = result
  return { status: deduplicated ? 200 : 202, eventId, deduplicated }
}
