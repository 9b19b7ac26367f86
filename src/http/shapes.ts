/** The answers of the routes: their schemas, also for OpenAPI, and the conversion of database rows to them. */
import { z } from 'zod'
import { MAX_RETRY_RESULTS, retryReasons } from '../deliveries/retry.js'
import { type WaitingFor, waitingReasons } from '../deliveries/waiting-for.js'
import { type findEvent, MAX_DELIVERIES_OF_AN_EVENT } from '../events/find.js'
import type { Delivery } from '../generated/prisma/client.js'
import { EventStatus } from '../generated/prisma/enums.js'
import { fromStoredKey } from '../model/tenant.js'
import { cursor, DEFAULT_LIMIT, MAX_LIMIT } from '../platform/paging.js'
import type { Viewer } from '../tenants/viewer.js'
import { deliveryLogShape, toDeliveryLog } from './attempt-shapes.js'
import { anyObject, deliveryStatus, id, time } from './basic-shapes.js'

export { anyObject, deliveryStatus, id, time }

const eventStatus = z.enum(EventStatus)

/** An impossible id in a path is answered with 404, like an unknown one. */
const idInPath = z.string().meta({ format: 'uuid' })
export const idParameter = z.object({ id: idInPath })
export const attemptParameters = z.object({
  id: idInPath,
  attempt: z.string().meta({ description: 'The number of the attempt, from 1.', examples: ['1'] }),
})
export const eventIdParameter = z.object({ eventId: idInPath })

const wrongLimit = `must be a whole number from 1 to ${MAX_LIMIT}`
/** `Number` would also accept `0x10`, `1e1` and spaces around the digits. */
export const readDigits = (text: unknown) =>
  typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : text

export const pageQuery = z.strictObject({
  limit: z
    .preprocess(readDigits, z.number({ error: wrongLimit }).int().min(1).max(MAX_LIMIT))
    .default(DEFAULT_LIMIT)
    .meta({ description: `How many; ${DEFAULT_LIMIT} when it is absent.` }),
  cursor: cursor.optional().meta({ description: 'The `nextCursor` of the page before.' }),
})

/** The header of an answer. It belongs to the `meta` of the answer's shape, from where the library takes it. */
export const locationHeader = (path: string) => ({
  Location: { type: 'string', format: 'uri-reference', description: `\`${path}\`` },
})

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().meta({ description: '`cursor` of the next page; null on the last.' }),
  })

export const tenantShape = z
  .string()
  .nullable()
  .meta({ description: "Whose it is; null for the operator's own." })

export const metricsShape = z
  .object({
    startsAt: time,
    subscriptionId: id.nullable().meta({ description: 'Null unless grouped by SUBSCRIPTION.' }),
    type: z.string().nullable().meta({ description: 'Null unless grouped by TYPE.' }),
    attempts: z.int(),
    sent: z.int(),
    failed: z.int(),
    dead: z.int(),
    latencyP50Ms: z.int(),
    latencyP95Ms: z.int(),
    latencyP99Ms: z.int(),
  })
  .meta({ id: 'DeliveryMetrics', description: 'The attempts of one bucket of time, or of one group in it.' })

export const deliveryShape = z
  .object({
    id,
    eventId: id,
    subscriptionId: id,
    status: deliveryStatus,
    attempts: z.int(),
    nextRunAt: time.nullable(),
    lastError: z.string().nullable(),
    lastStatusCode: z.int().nullable(),
    waitingFor: z
      .enum(waitingReasons)
      .nullable()
      .meta({
        description:
          'What holds up an open delivery: its subscription is `DISABLED`, the wait after a failure is not over ' +
          '(`SCHEDULE`), another delivery of its ordering key comes before it (`ORDER`), its endpoint is paused (`BREAKER`), or the rate or the requests in flight of its subscription are used up (`RATE_LIMIT`). Null ' +
          'otherwise.',
      }),
    discardedAt: time.nullable().meta({ description: 'When a user discarded it; null unless it is DEAD.' }),
    createdAt: time,
    updatedAt: time,
    logs: z
      .array(deliveryLogShape)
      .optional()
      .meta({ description: 'Where an event is asked for, in order.' }),
  })
  .meta({ id: 'Delivery', description: 'One event to one subscription.' })

export const deliveryPage = pageOf(deliveryShape).meta({ id: 'DeliveryPage' })

const eventTimes = {
  deliverAt: time.nullable().meta({ description: 'When it is dispatched; null for at once.' }),
  expiresAt: time.nullable().meta({ description: 'From when on no attempt is made; null for never.' }),
  erasedAt: time.nullable().meta({
    description: 'When its payload was erased: `data` is `{}` since then. Null for an event that has it.',
  }),
}

export const eventShape = z
  .object({
    id,
    type: z.string(),
    tenant: tenantShape,
    payload: z.object({ data: anyObject, metadata: anyObject.nullable() }),
    status: eventStatus,
    idempotencyKey: z.string().nullable(),
    isTest: z.boolean().meta({ description: 'Whether it was sent as a test.' }),
    ...eventTimes,
    orderingKey: z.string().nullable().meta({
      description: 'Ordered subscriptions get the events of one key in order; null for in no order.',
    }),
    createdAt: time,
    updatedAt: time,
    deliveries: z
      .array(deliveryShape)
      .max(MAX_DELIVERIES_OF_AN_EVENT)
      .meta({
        description: `The first ${MAX_DELIVERIES_OF_AN_EVENT}; \`GET /v1/deliveries?eventId=\` has them all.`,
      }),
  })
  .meta({ id: 'Event', description: 'What a producer published, and what became of it.' })

export const summaryShape = z
  .object({
    id,
    type: z.string(),
    tenant: tenantShape,
    status: eventStatus,
    ...eventTimes,
    createdAt: time,
    updatedAt: time,
    deliveries: z.object({ PENDING: z.int(), SENT: z.int(), FAILED: z.int(), DEAD: z.int() }),
    nextRunAt: time.nullable(),
  })
  .meta({ id: 'EventSummary', description: 'Where an event stands, without its payload.' })

export const publishedShape = z
  .object({
    eventId: id,
    status: eventStatus,
    deduplicated: z
      .boolean()
      .meta({ description: 'Whether an earlier event with the same key and content answers for this one.' }),
  })
  .meta({ id: 'PublishedEvent', description: 'Which event answers for what was published.' })

export const cancelledEventShape = z
  .object({ id, status: z.literal('CANCELLED') })
  .meta({ id: 'CancelledEvent', description: 'An event that is never delivered.' })

export const erasedEventShape = z
  .object({ id, erasedAt: time })
  .meta({ id: 'ErasedEvent', description: 'An event without its payload.' })

export const retriedShape = z.object({ retried: z.int() }).meta({ id: 'Retried' })

const retryResultShape = z
  .object({
    deliveryId: id,
    subscriptionId: id,
    isRetried: z.boolean(),
    reason: z
      .enum(retryReasons)
      .nullable()
      .meta({
        description:
          'Why the delivery is not sent now; null when it is. `SUBSCRIPTION_DISABLED`: it is retried, and sent once ' +
          'the subscription is enabled. The other reasons: it is not retried.',
      }),
  })
  .meta({ id: 'RetryResult', description: 'What a retry made of one delivery.' })

export const retriedEventShape = z
  .object({
    retried: z.int().meta({ description: 'How many deliveries are retried.' }),
    deliveries: z
      .array(retryResultShape)
      .max(MAX_RETRY_RESULTS)
      .meta({
        description: `At most ${MAX_RETRY_RESULTS}: those of a deleted or disabled subscription, a test, an expired or an erased event first, then the others that are retried.`,
      }),
    isTruncated: z.boolean().meta({ description: 'Whether the event has more deliveries than these.' }),
  })
  .meta({
    id: 'RetriedEvent',
    description: 'Which deliveries of an event are retried, which are not, and why.',
  })

export const times = (row: { createdAt: Date; updatedAt: Date }) => ({
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

export const toDelivery = (row: Delivery & { waitingFor: WaitingFor | null }) => ({
  id: row.id,
  eventId: row.eventId,
  subscriptionId: row.subscriptionId,
  status: row.status,
  attempts: row.attempts,
  nextRunAt: row.nextRunAt?.toISOString() ?? null,
  lastError: row.lastError,
  lastStatusCode: row.lastStatusCode,
  waitingFor: row.waitingFor,
  discardedAt: row.discardedAt?.toISOString() ?? null,
  ...times(row),
})

/** The times of an event. */
export const timesOfEvent = (
  row: Record<'deliverAt' | 'expiresAt' | 'erasedAt', Date | null> & Record<'createdAt' | 'updatedAt', Date>,
) => ({
  deliverAt: row.deliverAt?.toISOString() ?? null,
  expiresAt: row.expiresAt?.toISOString() ?? null,
  erasedAt: row.erasedAt?.toISOString() ?? null,
  ...times(row),
})

type FoundEvent = Awaited<ReturnType<typeof findEvent>>
type ShownEvent = Omit<FoundEvent, 'deliveries'> & {
  deliveries: (FoundEvent['deliveries'][number] & { waitingFor: WaitingFor | null })[]
}

/** The JSON of an event. It contains the payload exactly as the producer wrote it. */
export function eventText({ payload, deliveries, ...row }: ShownEvent, viewer: Viewer): string {
  const before = JSON.stringify({ id: row.id, type: row.type, tenant: row.tenant })
  const after = JSON.stringify({
    status: row.status,
    idempotencyKey: fromStoredKey(row.idempotencyKey),
    isTest: row.isTest,
    ...timesOfEvent(row),
    orderingKey: row.orderingKey,
    deliveries: deliveries.map((delivery) => ({
      ...toDelivery(delivery),
      logs: delivery.logs.map((log) => toDeliveryLog(log, viewer)),
    })),
  })
  const between = `"payload":{"data":${payload.data},"metadata":${payload.metadata}}`
  return `${before.slice(0, -1)},${between},${after.slice(1)}`
}
