/** Many events in one request: each is answered by itself, as it would be alone. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  eventTooLarge,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type Publication,
  publicationBody,
  readPublication,
} from '../../events/publication.js'
import type { Published, Publisher } from '../../events/publish.js'
import { itemTexts, memberTexts, type RawJson } from '../../events/raw-json.js'
import { parseInput } from '../../platform/input-errors.js'
import { toServiceError } from '../../platform/service-errors.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { Viewer } from '../../tenants/viewer.js'
import { validatorOf } from '../input.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { problemBody, toProblem } from '../problem.js'
import { id } from '../shapes.js'
import { newEvent } from './events.js'

interface BatchContext {
  publisher: Publisher
  serviceEvents: ServiceEvents
  eventMaxBytes: number
}

type BatchResult = Published | Error

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
  ({ publisher, serviceEvents, eventMaxBytes }: BatchContext): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/events/batch',
      {
        config: { scope: 'publish' },
        bodyLimit: Math.max(MAX_BATCH_BYTES, eventMaxBytes),
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
          readEvent(item, texts[index] as RawJson, eventMaxBytes, database),
        )
        const valid = read.filter((one) => !(one instanceof Error)) as Publication[]
        serviceEvents.emit('ingested', { result: 'rejected', count: read.length - valid.length })
        const results = valid.length === 0 ? [] : await publisher.publishAll(valid)
        const resultOf = new Map(valid.map((publication, index) => [publication, results[index]]))
        return {
          items: read.map((one) => toItem(one instanceof Error ? one : (resultOf.get(one) as BatchResult))),
        }
      },
    )
  }

function readEvent(item: unknown, text: RawJson, maxBytes: number, viewer: Viewer): Publication | Error {
  try {
    if (Buffer.byteLength(text) > maxBytes) return eventTooLarge(maxBytes)
    return readPublication(parseInput(publicationBody, item), text, undefined, viewer)
  } catch (error) {
    return error as Error
  }
}

function toItem(result: BatchResult): z.output<typeof batchItemShape> {
  if (result instanceof Error) {
    const error = toProblem(toServiceError(result))
    return { status: error.status, error }
  }
  const { eventId, deduplicated } = result
  return { status: deduplicated ? 200 : 202, eventId, deduplicated }
}
