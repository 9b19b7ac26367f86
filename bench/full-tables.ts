/**
 * Full tables: what a service with many subscriptions leaves behind in a month, in every status, and unevenly, so that
 * a plan which counts on an even spread shows itself: what is DEAD lies at the beginning, what waits at the end, one
 * endpoint took part alone on the first two days and never since, and some producers date their events back.
 */
import pg from 'pg'

export interface FullTables {
  /** Deliveries, and as many events. */
  deliveries: number
  subscriptions: number
  /** How many of the deliveries, the newest, still wait for their first attempt, and how many for a retry. */
  pending: number
  failed: number
  /** Events in the outbox, besides. */
  outbox: number
  /** When the waiting ones are due: an interval from now. */
  dueIn: string
  /** The endpoint of all subscriptions. */
  endpointUrl: string
}

const BATCH = 100_000
const DAYS = 30

/** Made from its number, so that whoever filled the tables knows every row. */
const sqlUuid = (at: string, n: string, kind: string) => `
  (lpad(to_hex(floor(extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '7' ||
   substr(md5('${kind}' || ${n}), 1, 3) || '8' || substr(md5('${kind}' || ${n}), 4, 15))::uuid`

const sqlSubscriptionId = (n: string) => sqlUuid("timestamptz '2020-01-01'", n, 'subscription')

const createSubscriptions = `
  insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
  select ${sqlSubscriptionId('n')}, $2 || '/' || n,
         array['type.' || n], 'secret-of-the-full-tables', sha256(('full ' || n)::bytea)
  from generate_series(1, $1::int) as n`

/** `$1` to `$2` of `$3`; `$4` subscriptions; `$5` PENDING, `$6` FAILED, due in `$7`. The first subscription is old. */
const fillBatch = `
  with numbered as materialized (
    select n, now() - interval '1 hour' - ($3::int - n) * (interval '1 day' * ${DAYS} / $3::int) as at,
           case when n > $3::int - $5::int then 'PENDING' when n > $3::int - $5::int - $6::int then 'FAILED'
                when n <= $3::int / 10 and n % 20 = 0 then 'DEAD' else 'SENT' end as status,
           case when n <= $3::int / ${DAYS} * 2 then 1 else 2 + n % ($4::int - 1) end as subscription
    from generate_series($1::int, $2::int) as n
  ), given as materialized (
    select numbered.*, ${sqlUuid('at', 'n', 'event')} as "eventId", ${sqlUuid('at', 'n', 'delivery')} as id,
           ${sqlSubscriptionId('subscription')} as "subscriptionId",
           status in ('SENT', 'DEAD') as "isEnded"
    from numbered
  ), old_events as (
    insert into events (id, type, data, status, "idempotencyKey", "contentHash", "deliveryCount", "sentCount", "deadCount",
                        "createdAt", "updatedAt")
    select "eventId", 'type.' || subscription, json_build_object('orderId', n, 'note', repeat('old ', 25)),
           (case status when 'SENT' then 'DELIVERED' when 'DEAD' then 'DEAD' else 'PROCESSING' end)::"EventStatus",
           case when n % 2 = 0 then 'key-' || n end, case when n % 2 = 0 then '\\x00'::bytea end,
           1, (status = 'SENT')::int, (status = 'DEAD')::int,
           at - case when n % 200 = 0 then interval '1 year' else interval '1 second' end, at
    from given
  ), old_deliveries as (
    insert into deliveries (id, "eventId", "subscriptionId", status, attempts, "nextRunAt", "lastStatusCode", "lastError", "createdAt",
                            "updatedAt")
    select id, "eventId", "subscriptionId", status::"DeliveryStatus", (status <> 'PENDING')::int,
           case when not "isEnded" then now() + $7::interval end, case when status = 'SENT' then 200 when n % 40 = 0 then 503 end,
           case when status in ('FAILED', 'DEAD') then
             case when n % 40 = 0 then 'answered 503' else 'the endpoint can not be reached (ETIMEDOUT)' end end, at, at
    from given
  )
  insert into "deliveryLogs" ("deliveryId", attempt, status, "statusCode", "responseTimeMs", "createdAt")
  select id, 1, status::"DeliveryStatus", case when status = 'SENT' then 200 end, 12, at
  from given where status <> 'PENDING'`

const fillOutbox = `
  with waiting as (
    insert into events (id, type, data, "createdAt")
    select ${sqlUuid('now()', 'n', 'waiting')}, 'type.2', '{}', now() from generate_series(1, $1::int) as n
    returning id
  )
  insert into outbox ("eventId") select id from waiting`

/** `$1` events whose times are to come. What they are is not looked at before. */
const fillTimes = `
  with timed as (
    insert into "scheduledEvents" ("eventId", "deliverAt")
    select ${sqlUuid('now()', 'n', 'timed')}, now() + interval '1 day' + n * interval '1 second'
    from generate_series(1, $1::int) as n
    returning "eventId", "deliverAt"
  )
  insert into "expiringEvents" ("eventId", "expiresAt") select "eventId", "deliverAt" from timed`

const tally = `
  insert into tallies (events, pending, sent, failed, dead)
  select (select count(*) from events), count(*) filter (where status = 'PENDING'), count(*) filter (where status = 'SENT'),
         count(*) filter (where status = 'FAILED'), count(*) filter (where status = 'DEAD')
  from deliveries`

/** Into empty tables. Statistics are left as they are. */
export async function fillTables(databaseUrl: string, tables: FullTables): Promise<void> {
  const { deliveries, subscriptions, pending, failed, outbox, dueIn, endpointUrl } = tables
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    // Nobody misses the last batch of this after a crash, and it makes the filling bearable.
    await client.query('set synchronous_commit = off')
    await client.query(createSubscriptions, [subscriptions, endpointUrl])
    for (let from = 1; from <= deliveries; from += BATCH) {
      const to = Math.min(deliveries, from + BATCH - 1)
      await client.query(fillBatch, [from, to, deliveries, subscriptions, pending, failed, dueIn])
      if (to % 1_000_000 === 0) console.error(`  filled in ${to.toLocaleString('en-US')} deliveries`)
    }
    await client.query(fillOutbox, [outbox])
    await client.query(fillTimes, [deliveries / 10])
    await client.query(tally)
  } finally {
    await client.end()
  }
}
