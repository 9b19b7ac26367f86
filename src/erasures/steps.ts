/**
 * The statement that makes a step. It does nothing unless the erasure is RUNNING and its cursor is where the step
 * begins: of two processes that make the same step, the second erases and counts nothing. The cursor moves in the same
 * commit, so whatever dies, each event is counted once.
 */
import { sqlIsFinished } from '../model/delivery-states.js'
import { sqlEraseEvents } from '../model/erasure.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import type { Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { NIL_UUID } from '../platform/uuid.js'

/** How long it rests before it looks again: a tenth of its age, and no less than a second, no more than a minute. */
const sqlRest = `least(greatest(now() - r."createdAt", interval '10 seconds') / 10, interval '1 minute')`

/** Everything was looked at, and nothing is left to wait for. */
const sqlIsOver = `((r."isListed" or $4::uuid is null) and r.waiting + counted.waiting = 0)`

/**
 * `$1` the erasure, `$2` the cursor at which the step begins, `$3` whether all events were listed then, `$4` the cursor
 * at which it ends; null at the end. `$5` the events, `$6` whether it rests afterwards.
 *
 * What can't be erased yet is listed, once. What is listed is struck out when it is erased, by whomever, or removed.
 */
export const eraseEvents: Statement = {
  name: 'erase-events',
  text: `
    with claimed as materialized (
      select id from erasures
      where id = $1 and state = 'RUNNING' and cursor = $2 and "isListed" = $3::bool for update
    ), found as materialized (
      select present.id from unnest($5::uuid[]) as asked (id) cross join lateral (
        select e.id from events e where e.id = asked.id and e."erasedAt" is null limit 1
      ) as present
      where exists (select from claimed)
    ), ${sqlEraseEvents('found', sqlIsFinished('e'), sqlEventSnapshot('e'))}, "left" as materialized (
      select id from found where id not in (select id from erasable)
    ), listed as (
      insert into "erasureEvents" ("erasureId", "eventId")
      select claimed.id, "left".id from claimed cross join "left" where not $3::bool
      on conflict do nothing returning 1
    ), struck as (
      delete from "erasureEvents"
      where $3::bool and "erasureId" = (select id from claimed)
        and "eventId" = any (array(select unnest($5::uuid[]) except select id from "left")) returning 1
    ), counted as (
      select (select count(*) from listed) - (select count(*) from struck) as waiting,
             (select count(*) from erased) as erased
    ), moved as (
      update erasures r
      set cursor = coalesce($4::uuid, '${NIL_UUID}'), "isListed" = r."isListed" or $4::uuid is null,
          erased = r.erased + counted.erased, waiting = r.waiting + counted.waiting,
          state = case when ${sqlIsOver} then 'FINISHED'::"ErasureState" else r.state end,
          "finishedAt" = case when ${sqlIsOver} then ${sqlNow} end, "updatedAt" = ${sqlNow},
          "nextStepAt" = ${sqlNow} + case when $6::bool then ${sqlRest} else interval '0' end
      from claimed, counted
      where r.id = claimed.id
    )
    select 'event' as kind, ${sqlEventSnapshot('erased')} from erased`,
}
