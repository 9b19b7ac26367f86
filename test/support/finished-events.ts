/** Events as they lie in the database when all that was to happen to them has happened, or not quite. */
import { randomBytes, randomUUID } from 'node:crypto'
import { UUID, uuidv7 } from 'uuidv7'
import type { DeliveryStatus, EventStatus } from '../../src/generated/prisma/enums.js'
import type { TestDatabase } from './database.js'

const DAY_MS = 86_400_000

export interface PastEvent {
  status: EventStatus
  deliveries?: DeliveryStatus[]
  /** Since its acceptance. */
  ageDays: number
  /** Since its last change; otherwise as long ago as its acceptance. */
  changedDaysAgo?: number
  logsPerDelivery?: number
  isInOutbox?: boolean
}

const countedStatuses = ['pending', 'sent', 'failed', 'dead']
  .map((status) => `(count(*) filter (where status = '${status.toUpperCase()}'))::int as ${status}`)
  .join(', ')

/** @returns the event's id */
export async function insertPastEvent(database: TestDatabase, event: PastEvent): Promise<string> {
  const { status, deliveries = [], ageDays, changedDaysAgo = ageDays, logsPerDelivery = 1 } = event
  const id = uuidV7Of(Date.now() - ageDays * DAY_MS)
  const countOf = (final: DeliveryStatus) => deliveries.filter((is) => is === final).length
  const ago = (days: number) => new Date(Date.now() - days * DAY_MS)
  // In one statement: a service that runs beside the test must not see the event without its deliveries.
  await database.query(
    `with event as (
       insert into events (id, type, data, status, "deliveryCount", "sentCount", "deadCount", "createdAt", "updatedAt")
       values ($1, 'a', '{}', $6, cardinality($2::uuid[]), $7, $8, $9, $10)
     ), waiting as (
       insert into outbox select $1 where $11
     ), subscribed as (
       insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
       select id, 'https://example.com', '{a}', 'a secret', decode(replace(id::text, '-', ''), 'hex')
       from unnest($2::uuid[]) as s (id) returning id
     ), delivered as (
       insert into deliveries (id, "eventId", "subscriptionId", status)
       select d.id, $1, d."subscriptionId", d.status
       from unnest($3::uuid[], $2::uuid[], $4::"DeliveryStatus"[]) as d (id, "subscriptionId", status)
       returning id, status
     ), counted as (
       insert into tallies (events, pending, sent, failed, dead)
       select 1, ${countedStatuses} from delivered
     )
     insert into "deliveryLogs" ("deliveryId", attempt, status, "responseTimeMs")
     select id, attempt, status, 1 from delivered, generate_series(1, $5) as attempt`,
    [
      ...[
        id,
        deliveries.map(() => randomUUID()),
        deliveries.map(() => uuidv7()),
        deliveries,
        logsPerDelivery,
      ],
      ...[
        status,
        countOf('SENT'),
        countOf('DEAD'),
        ago(ageDays),
        ago(changedDaysAgo),
        event.isInOutbox ?? false,
      ],
    ],
  )
  return id
}

/** What the tallies say, and what is so. */
export async function readTotals(database: TestDatabase) {
  const [counted] = await database.query(
    `select (select count(*) from events)::int as events, ${countedStatuses} from deliveries`,
  )
  const [tallied] = await database.query(
    `select sum(events)::int as events, sum(pending)::int as pending, sum(sent)::int as sent,
            sum(failed)::int as failed, sum(dead)::int as dead from tallies`,
  )
  return { counted, tallied }
}

export function uuidV7Of(unixMs: number): string {
  const random = randomBytes(10)
  const [a, high, low] = [
    random.readUInt16LE(0) & 0xfff,
    random.readUInt32LE(2) >>> 2,
    random.readUInt32LE(6),
  ]
  return UUID.fromFieldsV7(Math.floor(unixMs), a, high, low).toString()
}
