/** Deliveries of the past, written straight into the tables, as a service would have left them. */
import { randomUUID } from 'node:crypto'
import { leastUuidV7At } from '../../src/platform/uuid.js'
import type { TestDatabase } from './database.js'

export interface Past {
  subscriptionId: string
  count?: number
  type?: string
  status?: 'SENT' | 'FAILED' | 'DEAD'
  error?: string | null
  code?: number | null
  at?: Date
  isTest?: boolean
  expiresAt?: Date | null
}

/** One event for each delivery. @returns the ids of the deliveries */
export async function fillPast(database: TestDatabase, past: Past): Promise<string[]> {
  const { subscriptionId, count = 1, type = 'user.created', status = 'DEAD', isTest = false } = past
  const { at = new Date(Date.now() - 60_000), expiresAt = null } = past
  const { error = status === 'SENT' ? null : 'answered 500', code = status === 'SENT' ? 200 : 500 } = past
  const ids = () => Array.from({ length: count }, () => idAt(at))
  const rows = await database.query<{ id: string }>(
    `with pairs as (
       select * from unnest($1::uuid[], $2::uuid[]) as pair ("eventId", id)
     ), events as (
       insert into events (id, type, tenant, data, status, "deliveryCount", "sentCount", "deadCount", "isTest", "expiresAt", "createdAt")
       select "eventId", $3, (select tenant from subscriptions where id = $8), '{}',
              (case $4 when 'SENT' then 'DELIVERED' when 'DEAD' then 'DEAD' else 'PROCESSING' end)::"EventStatus",
              1, ($4 = 'SENT')::int, ($4 = 'DEAD')::int, $5, $6, $7
       from pairs
     ), tally as (
       insert into tallies (events, sent, failed, dead)
       select count(*), count(*) * ($4 = 'SENT')::int, count(*) * ($4 = 'FAILED')::int, count(*) * ($4 = 'DEAD')::int from pairs
     )
     insert into deliveries (id, "eventId", "subscriptionId", tenant, status, attempts, "nextRunAt", "lastError", "lastStatusCode", "createdAt", "updatedAt")
     select pairs.id, "eventId", $8, (select tenant from subscriptions where id = $8), $4::"DeliveryStatus", 1,
            case when $4 = 'FAILED' then now() + interval '1 day' end, $9, $10, $7, $7
     from pairs returning id`,
    [ids(), ids(), type, status, isTest, expiresAt, at, subscriptionId, error, code],
  )
  return rows.map(({ id }) => id)
}

/** A UUIDv7 of that moment. */
const idAt = (at: Date): string => leastUuidV7At(at).slice(0, 20) + randomUUID().slice(20)
