/**
 * Publications: one schema checks them for every API, and a hash compares the contents of two requests with one
 * idempotency key.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { badInput, ServiceError } from '../errors.js'
import { eventType, publishedType } from '../model/event-type.js'
import { tenant } from '../model/tenant.js'
import { parseInput } from '../platform/input-errors.js'
import { isoTime } from '../platform/iso-time.js'
import { isJsonObject } from '../platform/json-object.js'
import { optional } from '../platform/optional.js'
import { tenantFor, type Viewer } from '../tenants/viewer.js'
import { canonicalJson } from './canonical-json.js'
import { MAX_JSON_DEPTH, memberTexts, type RawJson, tooDeep } from './raw-json.js'
import { isTimed, MAX_DAYS_AHEAD, type Times } from './times.js'

export interface Publication extends Times {
  type: string
  /** Whose event it is; null for the operator's own. */
  tenant: string | null
  data: RawJson
  metadata: RawJson | null
  /** The producer's time for the event; null: the time of acceptance. */
  createdAt: Date | null
  idempotencyKey: string | null
  /** Ordered subscriptions get the events of one key in their order; null for in no order. */
  orderingKey: string | null
}

export const MAX_KEY_LENGTH = 255

const idempotencyKey = z
  .string()
  .regex(
    new RegExp(`^[ -~]{1,${MAX_KEY_LENGTH}}$`),
    `must be 1 to ${MAX_KEY_LENGTH} printable ASCII characters`,
  )
export const orderingKey = idempotencyKey

export const ORDERING_KEY_FORM =
  `1 to ${MAX_KEY_LENGTH} printable ASCII characters. Ordered subscriptions get the events of one key in the order of ` +
  'their acceptance; events without a key have no order.'

/** Nothing keeps it from the fast path. */
export const isPlain = (publication: Publication): boolean =>
  publication.orderingKey === null && !isTimed(publication)

export const jsonObject = z
  .custom<Record<string, unknown>>(isJsonObject, {
    error: ({ input }) => (input === undefined ? 'is required and must be an object' : 'must be an object'),
  })
  .meta({ type: 'object', additionalProperties: true })

/** The body of `POST /v1/events`. */
export const publicationBody = z.strictObject({
  type: publishedType,
  tenant: optional(tenant).meta({ description: 'Whose event it is.' }),
  data: jsonObject,
  metadata: jsonObject.nullish(),
  createdAt: optional(isoTime),
  deliverAt: optional(isoTime).meta({
    description: `Delivered no earlier; at most ${MAX_DAYS_AHEAD} days ahead. A time that is over: at once.`,
  }),
  expiresAt: optional(isoTime).meta({
    description: 'No attempt is made from then on. After `deliverAt`, and in the future.',
  }),
  orderingKey: optional(orderingKey).meta({ description: ORDERING_KEY_FORM }),
  eventId: optional(idempotencyKey).meta({ description: 'An idempotency key; the header wins over it.' }),
})

/**
 * Makes a publication from a body, with `data` and `metadata` in the producer's own text.
 *
 * @param body has passed `publicationBody`. @param text is the source of the parsed body.
 * @throws ServiceError BAD_USER_INPUT when it is nested too deeply, FORBIDDEN when its tenant is not the viewer's
 */
export function readPublication(
  body: z.infer<typeof publicationBody>,
  text: string,
  headerKey: string | undefined,
  viewer: Viewer,
): Publication {
  const members = memberTexts(text)
  return {
    type: body.type,
    tenant: tenantFor(viewer, body.tenant),
    data: members.get('data') as RawJson,
    metadata: body.metadata == null ? null : (members.get('metadata') as RawJson),
    createdAt: body.createdAt ?? null,
    deliverAt: body.deliverAt ?? null,
    expiresAt: body.expiresAt ?? null,
    idempotencyKey: headerKey ?? body.eventId ?? null,
    orderingKey: body.orderingKey ?? null,
  }
}

/** A publication given as values, not as the text of a body. */
const publicationValues = publicationBody.omit({ eventId: true }).extend({
  ...{ idempotencyKey: idempotencyKey.nullish(), createdAt: z.date().nullish() },
  ...{ deliverAt: z.date().nullish(), expiresAt: z.date().nullish(), orderingKey: orderingKey.nullish() },
})

/** Refuses numbers unknown to JSON, and too deep nesting, before the value is written as text. */
function checkValue(value: unknown, path: string, level = 1): void {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw badInput([{ path, message: 'must not hold a number that is too large for a double' }])
  if (typeof value !== 'object' || value === null) return
  if (level > MAX_JSON_DEPTH) throw tooDeep(path)
  for (const member of Object.values(value)) checkValue(member, path, level + 1)
}

/** As `publicationValues`, of an event that is only looked at: it may be an operational one. */
export const describedValues = publicationValues.extend({ type: eventType })

/**
 * @param maxBytes the limit for the event as a REST body without white space
 * @param schema of `values`
 * @throws ServiceError BAD_USER_INPUT, PAYLOAD_TOO_LARGE, FORBIDDEN
 */
export function toPublication(
  values: unknown,
  maxBytes: number,
  viewer: Viewer,
  schema = publicationValues,
): Publication {
  const { idempotencyKey, ...given } = parseInput(schema, values)
  const { type, tenant, data, metadata } = given
  checkValue(data, 'data')
  checkValue(metadata, 'metadata')
  const orderingKey = given.orderingKey ?? undefined
  const times = {
    createdAt: given.createdAt ?? undefined,
    deliverAt: given.deliverAt ?? undefined,
    expiresAt: given.expiresAt ?? undefined,
  }
  // Goes through the text, so that values and bodies have the same limits.
  const text = JSON.stringify({
    ...{ type, data },
    ...(tenant !== undefined && { tenant }),
    ...(metadata != null && { metadata }),
    ...(orderingKey !== undefined && { orderingKey }),
    ...times,
  })
  if (Buffer.byteLength(text) > maxBytes) throw eventTooLarge(maxBytes)
  const body = { type, tenant, data, metadata, orderingKey, ...times }
  return readPublication(body, text, idempotencyKey ?? undefined, viewer)
}

/** Of one request. */
export const MAX_BATCH_EVENTS = 1000
export const MAX_BATCH_BYTES = 10 * 1024 * 1024

export const eventTooLarge = (maxBytes: number): ServiceError =>
  new ServiceError(
    'PAYLOAD_TOO_LARGE',
    `The event is larger than the ${maxBytes} bytes that this service takes (EVENT_MAX_BYTES). It was not published.`,
  )

/** @throws ServiceError BAD_USER_INPUT */
export function checkIdempotencyKey(header: string): string {
  const { data, error } = idempotencyKey.safeParse(header)
  if (error) throw badInput([{ path: 'Idempotency-Key', message: messageOf(error) }])
  return data
}

const messageOf = (error: z.ZodError): string => error.issues[0]?.message ?? 'is invalid'

/** SHA-256, in hex, of what a publication holds beside its tenant; the order of names and white space don't matter. */
export function contentHash({ type, data, metadata, createdAt, orderingKey, ...times }: Publication): string {
  const parts = [
    type,
    createdAt?.toISOString() ?? '',
    canonicalJson(data),
    metadata === null ? '' : canonicalJson(metadata),
    // Only where there is one, so that hashes of the version before stay true.
    ...(['deliverAt', 'expiresAt'] as const).flatMap((name) =>
      times[name] === null ? [] : [`${name} ${times[name].toISOString()}`],
    ),
    ...(orderingKey === null ? [] : [`orderingKey ${orderingKey}`]),
  ]
  return createHash('sha256').update(parts.join('\n')).digest('hex')
}

export function idempotencyMismatch(key: string): ServiceError {
  return new ServiceError(
    'IDEMPOTENCY_MISMATCH',
    `The idempotency key ${JSON.stringify(key)} was used before with other content. Nothing was stored; use a new key for a new event.`,
  )
}
