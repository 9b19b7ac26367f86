/**
 * Fills the tables with deliveries that were SENT long ago, as a service that has run for weeks would have them:
 * events, deliveries and logs, with ids and times of those days. Indexes are in place meanwhile, so they are as
 * untidy as real ones. Alone: `tsx bench/fill.ts <database url> [count]`.
 */
import { pathToFileURL } from 'node:url'
import pg from 'pg'

/** Spread evenly over so many days, the last of them yesterday. */
const DAYS = 30
const BATCH = 100_000

const subscribe = `
  insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
  values (uuid_v7(), 'http://127.0.0.1:9/gone', array['old.event'], 'old-secret', sha256('old'))
  returning id`

/** A UUIDv7 of another time: the time in front of random bits, and the version. */
const createUuidV7At = `
  create or replace function pg_temp.uuid_v7_at(at timestamptz) returns uuid language sql volatile as $$
    select encode(
      set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
                placing substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1),
      'hex')::uuid
  $$`

const fillBatch = {
  name: 'fill-batch',
  text: `
    with moment as materialized (
      select at, pg_temp.uuid_v7_at(at) as "eventId", pg_temp.uuid_v7_at(at) as "deliveryId"
      from generate_series($1::int, $2::int) as n
      cross join lateral (
        select now() - interval '1 day' - ($3::int - n) * (interval '1 day' * $4::int / $3::int) as at
      ) as spread
    ), old_events as (
      insert into events (id, type, data, metadata, status, "deliveryCount", "sentCount", "createdAt", "updatedAt")
      select "eventId", 'old.event', json_build_object('orderId', "deliveryId", 'note', repeat('old ', 25)), null,
             'DELIVERED', 1, 1, at, at
      from moment
    ), old_deliveries as (
      insert into deliveries (id, "eventId", "subscriptionId", status, attempts, "lastStatusCode", "createdAt", "updatedAt")
      select "deliveryId", "eventId", $5::uuid, 'SENT', 1, 200, at, at from moment
    )
    insert into "deliveryLogs" ("deliveryId", attempt, status, "statusCode", "responseTimeMs", "createdAt")
    select "deliveryId", 1, 'SENT', 200, 12, at from moment`,
}

const tally = `insert into tallies (events, sent) values ($1, $1)`

export async function fillOldDeliveries(databaseUrl: string, count: number): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    // Nobody misses the last batch of this after a crash, and it makes the filling bearable.
    await client.query('set synchronous_commit = off')
    await client.query(createUuidV7At)
    const { rows } = await client.query<{ id: string }>(subscribe)
    for (let from = 1; from <= count; from += BATCH) {
      const to = Math.min(count, from + BATCH - 1)
      await client.query({ ...fillBatch, values: [from, to, count, DAYS, rows[0]?.id] })
      if (to % 1_000_000 === 0) console.error(`  filled in ${to.toLocaleString('en-US')} old deliveries`)
    }
    await client.query(tally, [count])
    await client.query('vacuum analyze')
  } finally {
    await client.end()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [databaseUrl, count = '5000000'] = process.argv.slice(2)
  if (databaseUrl === undefined) throw new Error('tsx bench/fill.ts <database url> [count]')
  await fillOldDeliveries(databaseUrl, Number(count))
}
