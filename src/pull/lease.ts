/**
 * Leases deliveries of a subscription of kind PULL to its consumer: those whose time has come, in the order of their
 * lines where it is ordered.
 *
 * The lease is the one of `src/delivery-engine/scheduling/lease.ts`, but no worker leases these deliveries or takes
 * them back. While one is leased, `nextRunAt` is the moment at which it was taken.
 */
import { expireDelivery } from '../deliveries/expire.js'
import { sign } from '../delivery-engine/attempt/signature.js'
import { type Lease, toLease } from '../delivery-engine/scheduling/lease.js'
import { giveBackLeases } from '../delivery-engine/scheduling/scheduler.js'
import type { WebhookFormat } from '../generated/prisma/enums.js'
import { sqlDue, sqlHeads, sqlReleased, sqlStartOfLines } from '../model/lease-candidates.js'
import type { WebhookContent } from '../model/webhook-body.js'
import { formWebhook } from '../model/webhook-format.js'
import type { Clock } from '../platform/clock.js'
import type { Database } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { type SigningKeys, validSigningKeys } from '../secrets/signing-keys.js'
import { type SigningSecrets, sqlSigningSecrets } from '../secrets/valid-secrets.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

/** How long a consumer may take for a delivery, where the subscription's `timeoutMs` says nothing else. */
const LEASE_SECONDS = 30
/** The most bytes of payloads in an answer, which has one delivery at least. */
const MAX_FEED_BYTES = 4 * 1024 * 1024

/** A delivery for its consumer, who has it until `leaseEndsAt`. */
export interface PulledDelivery {
  deliveryId: string
  eventId: string
  /** The number of the attempt, by which the consumer answers. */
  attempt: number
  leaseEndsAt: Date
  /** What an endpoint would have been sent. */
  webhook: { headers: Record<string, string>; body: string }
}

/** Neither retries nor lines may keep the others from their turn. */
const HALF = '(r.room + 1) / 2'

/** `$1` the subscription, `$2` the most leases. */
const leasePull = forViewer(
  { name: 'lease-pull', parameters: 2 },
  ({ isVisible }) => `
    with feed as materialized (
      select s.id as "subscriptionId", s."isOrdered", $2::int as room,
             coalesce(s."timeoutMs", ${LEASE_SECONDS * 1000}) as "leaseMs"
      from subscriptions s
      where s.id = $1 and s.kind = 'PULL' and s."isEnabled" and s."deletedAt" is null and ${isVisible('s')}
    ), "startOfLines" as materialized (${sqlStartOfLines}), due as materialized (
      select picked.id, r."leaseMs" from feed r cross join lateral (
        select * from (
          select * from ${sqlDue('FAILED', HALF)} as retry
          union all
          select * from ${sqlHeads(HALF)} as head
          union all
          select * from ${sqlReleased(HALF)} as released
          union all
          select * from ${sqlDue('PENDING', 'r.room')} as first
        ) as candidate
        limit r.room
      ) as picked
    ), sized as materialized (
      select due.*, row_number() over places as place, sum(e.bytes) over places as bytes
      from due
      cross join lateral (select "eventId" from deliveries where id = due.id limit 1) as d
      cross join lateral (
        select octet_length(data::text) + coalesce(octet_length(metadata::text), 0) as bytes
        from events where id = d."eventId" limit 1
      ) as e
      window places as (order by d."eventId", due.id)
    ), fitting as materialized (
      select id, "leaseMs" from sized where place = 1 or bytes <= ${MAX_FEED_BYTES}
    ), leased as (
      update deliveries d
      set "queuedUntil" = ${sqlNow} + fitting."leaseMs" * interval '1 millisecond', "nextRunAt" = ${sqlNow}
      from fitting where d.id = fitting.id
      returning d.id, d."eventId", d."subscriptionId", d.attempts, d.status, d."queuedUntil", d."orderingHash"
    )
    select leased.id, leased."eventId", leased."subscriptionId", leased.attempts, leased."queuedUntil",
           leased.status = 'FAILED' as "isRetry", leased."orderingHash" is not null as "isOrdered",
           e.type, e."createdAt", e.data::text as data, e.metadata::text as metadata,
           coalesce(e."expiresAt" <= now(), false) as "isExpired", s.format, ${sqlSigningSecrets('s')}
    from leased
    cross join lateral (select * from events where id = leased."eventId" limit 1) as e
    cross join lateral (select * from subscriptions where id = leased."subscriptionId" limit 1) as s
    order by leased."eventId"`,
)

interface LeasePullRow extends WebhookContent, SigningSecrets {
  id: string
  subscriptionId: string
  attempts: number
  queuedUntil: Date
  isRetry: boolean
  isOrdered: boolean
  isExpired: boolean
  format: WebhookFormat
}

export interface LeaseContext {
  database: VisibleDatabase
  /** Of the process, for what follows from a lease. */
  pullDatabase: Database
  serviceEvents: ServiceEvents
  signingKeys: SigningKeys
  clock: Clock
}

export interface Pulled {
  deliveries: PulledDelivery[]
  /** Ends the leases again: nobody is there to answer them. */
  giveBack(): Promise<void>
}

/** @param limit the most deliveries; none are leased of a disabled subscription */
export async function leaseDeliveries(
  context: LeaseContext,
  subscriptionId: string,
  limit: number,
): Promise<Pulled> {
  const { database, pullDatabase, serviceEvents } = context
  const rows = await database.query<LeasePullRow>(leasePull, [subscriptionId, limit])
  const giveBack = (some: LeasePullRow[]) => giveBackLeases(pullDatabase, some.map(leaseOf))
  const expired = rows.filter(({ isExpired }) => isExpired)
  if (expired.length > 0) await giveBack(expired)
  for (const { id } of expired) await expireDelivery({ database: pullDatabase, serviceEvents }, id)
  const taken = rows.filter(({ isExpired }) => !isExpired)
  try {
    return { deliveries: taken.map((row) => toPulled(row, context)), giveBack: () => giveBack(taken) }
  } catch (error) {
    // A secret that can't be read.
    await giveBack(taken)
    throw error
  }
}

const leaseOf = ({ id, subscriptionId, queuedUntil, isRetry, isOrdered }: LeasePullRow): Lease =>
  toLease({ deliveryId: id, subscriptionId, queuedUntil, isRetry, isOrdered, isPaced: false })

function toPulled(row: LeasePullRow, { signingKeys, clock }: LeaseContext): PulledDelivery {
  const { id: deliveryId, eventId, subscriptionId, attempts, queuedUntil, format } = row
  const { body, form } = formWebhook(format, row)
  const timestampSeconds = Math.floor(clock.nowMs() / 1000)
  const keys = validSigningKeys(signingKeys, subscriptionId, row, clock.nowMs())
  const headers = {
    'content-type': 'application/json',
    'webhook-id': eventId,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': sign({ id: eventId, timestampSeconds, body, signingKeys: keys }),
    ...form?.headers,
  }
  const webhook = { headers, body: Buffer.from(body).toString() }
  return { deliveryId, eventId, attempt: attempts + 1, leaseEndsAt: queuedUntil, webhook }
}
