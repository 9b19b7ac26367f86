/** Ends leases that no consumer has answered in time: failed attempts, as at an endpoint that does not answer. */
import { sqlIsOpen } from '../model/delivery-states.js'
import { createPoller, type Poller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type LeasedDelivery, type RecordPull, sqlLeasedDelivery } from './record.js'

const NOT_ACKNOWLEDGED = 'not acknowledged in time'

const MAX_AT_ONCE = 200
const INTERVAL_MS = 1000

/** A probe for each subscription of kind PULL. Both bounds keep it in `deliveries_queued_idx`: see `sqlRoom`. */
const findEnded: Statement = {
  name: 'find-ended-pull-leases',
  text: `
    select ${sqlLeasedDelivery}
    from (select * from subscriptions where kind = 'PULL') as s
    cross join lateral (
      select * from deliveries q
      where q."subscriptionId" = s.id and q."queuedUntil" > '-infinity' and q."queuedUntil" <= now() and ${sqlIsOpen('q')}
      order by q."queuedUntil" limit ${MAX_AT_ONCE}
    ) as d
    cross join lateral (select * from events where id = d."eventId" limit 1) as e
    limit ${MAX_AT_ONCE}`,
}

type FindEndedRow = LeasedDelivery

export interface LeaseExpiryOptions {
  database: Database
  recordPull: RecordPull
  onError(error: unknown): void
}

export function createLeaseExpiry({ database, recordPull, onError }: LeaseExpiryOptions): Poller {
  async function run(): Promise<boolean> {
    const ended = await database.query<FindEndedRow>(findEnded, [])
    await Promise.all(ended.map((delivery) => recordPull(delivery, NOT_ACKNOWLEDGED)))
    return ended.length === MAX_AT_ONCE
  }
  return createPoller({ run, intervalMs: INTERVAL_MS, onError })
}
