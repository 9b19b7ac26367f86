/**
 * To reopen a delivery: it becomes PENDING and due at once, with a new budget of attempts. `attempts` and the logs go
 * on counting. Retries by hand and replays do this, each in a statement of its own.
 *
 * In the order of an ordering key one that is open keeps its place. One that was SENT or DEAD goes to the end: others
 * may have been sent since.
 */
import { sqlCounterDeltas } from '../model/counter-deltas.js'
import { sqlDeliverySnapshot } from '../model/delivery-snapshot.js'
import { sqlEventStatus } from '../model/delivery-states.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import { sqlLockLines, sqlNextPlace } from '../model/ordering.js'
import { sqlNow } from '../platform/postgres/sql-now.js'

const sentCount = '(e."sentCount" - ended.sent)'
const deadCount = '(e."deadCount" - ended.dead)'

/**
 * The parts of a `with` that reopen deliveries: `retried` has their snapshots, `reopened` those of events that were
 * finished with them.
 *
 * @param rows a part before these: deliveries with `id`, `eventId`, `status`, `orderingHash`, `orderingSequence` and
 * their event's `expiresAt`. They are locked, and so are their events, in the order of their ids, as in every statement
 * that changes several.
 */
export const sqlReopen = (rows: string): string => `
  "endedInLine" as materialized (
    select id, "orderingHash", "orderingSequence" from ${rows}
    where status in ('SENT', 'DEAD') and "orderingHash" is not null
  ), lines as materialized (
    -- Behind the locks of the rows, and before anything is changed: else two of these could deadlock.
    ${sqlLockLines('"endedInLine"')}
  ), placed as materialized (
    select id, ${sqlNextPlace} as place
    from (
      select id from "endedInLine" where (select count from lines) >= 0 order by "orderingSequence" offset 0
    ) as in_order
  ), ended as (
    select "eventId", (count(*) filter (where status = 'SENT'))::int as sent,
           (count(*) filter (where status = 'DEAD'))::int as dead
    from ${rows} where status in ('SENT', 'DEAD') group by "eventId"
  ), reopened as (
    update events e
    set "sentCount" = ${sentCount}, "deadCount" = ${deadCount},
        status = ${sqlEventStatus('e."deliveryCount"', sentCount, deadCount)},
        "updatedAt" = ${sqlNow}
    from ended where e.id = ended."eventId"
    returning ${sqlEventSnapshot('e')}
  ), retried as (
    update deliveries d
    set status = 'PENDING', "nextRunAt" = case when placed.id is null then ${sqlNow} end,
        "orderingSequence" = coalesce(placed.place, d."orderingSequence"),
        "budgetFrom" = d.attempts, "discardedAt" = null, "updatedAt" = ${sqlNow}
    from ${rows} as found left join placed using (id)
    where d.id = found.id
    returning ${sqlDeliverySnapshot('d')}
  ), expiring as (
    -- The sweep may be forgetting the event at this moment, because it had no open delivery.
    insert into "expiringEvents" ("eventId", "expiresAt")
    select distinct "eventId", "expiresAt" from ${rows} where "expiresAt" is not null
    on conflict do nothing
  ), deltas as (
    ${sqlCounterDeltas(`select found.status as before, retried.status as after from ${rows} as found join retried using (id)`)}
  )`
