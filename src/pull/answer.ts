/**
 * What a consumer says of a delivery that it has taken: it acknowledges, rejects or keeps it.
 *
 * An answer names the attempt, and counts while its lease holds. A later one changes nothing: another attempt may be
 * under way. That a consumer acknowledges once more what it has acknowledged is no mistake: the first answer may have
 * been lost.
 */
import { z } from 'zod'
import { notFound, ServiceError } from '../errors.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import { isOpen, sqlIsOpen } from '../model/delivery-states.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { isUuid } from '../platform/uuid.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import { type LeasedDelivery, type RecordPull, sqlLeasedDelivery } from './record.js'

const MAX_ATTEMPT = 2_147_483_647
const MAX_ERROR_LENGTH = 500
const MAX_EXTENSION_SECONDS = 3600

/** As both faces document them. */
export const answerForms = {
  attempt: 'The number of the attempt, as the feed gave it.',
  error: `Why, for the delivery log: 1 to ${MAX_ERROR_LENGTH} characters.`,
  seconds: `How long the consumer keeps the delivery from now on: 1 to ${MAX_EXTENSION_SECONDS}.`,
} as const

const attempt = z
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(MAX_ATTEMPT, `must be at most ${MAX_ATTEMPT}`)
  .meta({ description: answerForms.attempt })

/** The body of `POST /v1/deliveries/{id}/acknowledge`. */
export const acknowledgement = z.strictObject({ attempt })

/** The body of `POST /v1/deliveries/{id}/reject`. */
export const rejection = z.strictObject({
  attempt,
  error: z
    .string()
    .min(1, 'must not be empty')
    .max(MAX_ERROR_LENGTH, `must have at most ${MAX_ERROR_LENGTH} characters`)
    .refine(isPostgresText, 'must not contain NUL or broken characters')
    .nullish()
    .meta({ description: answerForms.error, pattern: '^[^\\u0000]*$' }),
})

/** The body of `POST /v1/deliveries/{id}/extend`. */
export const extension = z.strictObject({
  attempt,
  seconds: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(MAX_EXTENSION_SECONDS, `must be at most ${MAX_EXTENSION_SECONDS}`)
    .meta({ description: answerForms.seconds }),
})

/** `$1` the delivery. */
const loadPulled = forViewer(
  { name: 'load-pulled-delivery', parameters: 1 },
  ({ isVisible }) => `
    select ${sqlLeasedDelivery}, d.status, s.kind = 'PULL' as "isPull", coalesce(d."queuedUntil" > now(), false) as "isLeased"
    from (select * from deliveries where id = $1 limit 1) as d
    cross join lateral (select * from events where id = d."eventId" limit 1) as e
    cross join lateral (select * from subscriptions where id = d."subscriptionId" limit 1) as s
    where ${isVisible('d')}`,
)

interface LoadPulledRow extends LeasedDelivery {
  status: DeliveryStatus
  isPull: boolean
  isLeased: boolean
}

/** `$1` the delivery, `$2` the attempt, `$3` seconds. */
const extendLease = forViewer(
  { name: 'extend-lease', parameters: 3 },
  ({ isVisible }) => `
    update deliveries d set "queuedUntil" = ${sqlNow} + $3::int * interval '1 second'
    from (select id from subscriptions where kind = 'PULL') as s
    where d.id = $1 and d.attempts = $2::int - 1 and s.id = d."subscriptionId" and ${sqlIsOpen('d')}
      and coalesce(d."queuedUntil" > now(), false) and ${isVisible('d')}
    returning d."queuedUntil"`,
)

interface ExtendLeaseRow {
  queuedUntil: Date
}

export interface AnswerContext {
  database: VisibleDatabase
  recordPull: RecordPull
}

/** The delivery is SENT. @throws ServiceError NOT_FOUND, or CONFLICT when the answer comes too late */
export async function acknowledgeDelivery(
  context: AnswerContext,
  id: string,
  attempt: number,
): Promise<void> {
  await answer(context, { id, attempt, error: null })
}

/** The attempt has failed. @throws ServiceError NOT_FOUND, or CONFLICT when the answer comes too late */
export async function rejectDelivery(
  context: AnswerContext,
  id: string,
  { attempt, error }: z.infer<typeof rejection>,
): Promise<void> {
  await answer(context, { id, attempt, error: error ?? 'rejected by the consumer' })
}

/** @returns when the lease ends now. @throws ServiceError NOT_FOUND, or CONFLICT when it has ended */
export async function extendDelivery(
  { database }: AnswerContext,
  id: string,
  { attempt, seconds }: z.infer<typeof extension>,
): Promise<{ leaseEndsAt: Date }> {
  const [extended] = isUuid(id)
    ? await database.query<ExtendLeaseRow>(extendLease, [id, attempt, seconds])
    : []
  if (extended !== undefined) return { leaseEndsAt: extended.queuedUntil }
  throw tooLate(await load(database, id), attempt)
}

/** `error` is null for an acknowledgement. */
interface Answer {
  id: string
  attempt: number
  error: string | null
}

async function answer(context: AnswerContext, { id, attempt, error }: Answer): Promise<void> {
  for (;;) {
    const delivery = await load(context.database, id)
    const isTheLast = delivery.attempts === attempt
    if (error === null && delivery.isPull && delivery.status === 'SENT' && isTheLast) return
    if (!delivery.isPull || !delivery.isLeased || !isOpen(delivery.status)) throw tooLate(delivery, attempt)
    if (delivery.attempts + 1 !== attempt) throw tooLate(delivery, attempt)
    if (await context.recordPull(delivery, error)) return
    // It has changed meanwhile: it was answered, its lease has ended, or a user asked for a retry.
  }
}

async function load(database: VisibleDatabase, id: string): Promise<LoadPulledRow> {
  const [row] = isUuid(id) ? await database.query<LoadPulledRow>(loadPulled, [id]) : []
  if (row === undefined) throw notFound('delivery', id)
  return row
}

function tooLate({ isPull, status, attempts, isLeased }: LoadPulledRow, attempt: number): ServiceError {
  if (!isPull)
    return new ServiceError(
      'CONFLICT',
      'The delivery is of a subscription of kind WEBHOOK, which nobody takes.',
    )
  if (isOpen(status) && isLeased && attempts + 1 !== attempt)
    return new ServiceError(
      'CONFLICT',
      `Attempt ${attempts + 1} of the delivery is under way, not ${attempt}.`,
    )
  return new ServiceError(
    'CONFLICT',
    `The delivery is ${status}, and attempt ${attempt} holds no lease of it.`,
  )
}
