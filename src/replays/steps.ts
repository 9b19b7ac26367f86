/**
 * The statements that make a step: of missed events, of deliveries once more, and of a discard. Each does nothing
 * unless the replay is RUNNING and its cursor is where the step begins: of two processes that make the same step, the
 * second makes nothing. The cursor moves in the same commit, so a step is made once, whatever dies.
 */
import { sqlReopen } from '../deliveries/reopen.js'
import { sqlCounterDeltas } from '../model/counter-deltas.js'
import { sqlDeliverySnapshot } from '../model/delivery-snapshot.js'
import { sqlEventStatus, sqlIsDeadLetter, sqlStates, transitions } from '../model/delivery-states.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import {
  type Report,
  type ReportedRow,
  reportedRowKind,
  sqlIsoTime,
  sqlReportParts,
} from '../model/operational-event.js'
import { sqlLockLines, sqlNextPlace, sqlOrderingHash } from '../model/ordering.js'
import { type ReplaySnapshot, replayColumns, sqlReplaySnapshot } from '../model/replay.js'
import { type RowKind, sqlRowsOfKinds } from '../model/row-kinds.js'
import type { Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { type ChangedRow, changedRowKinds } from '../telemetry/changes.js'
import { undispatchedStates } from './find-missed.js'

/** `$1` the replay, `$2` the cursor at which the step begins, `$3` the time at which it was taken. */
const sqlClaimed = `
  claimed as materialized (
    select id, "missedBy" from replays where id = $1 and state = 'RUNNING' and cursor = $2 for update
  )`

/** Of a replay that its last step has moved; a retry or a discard of many is one of another kind. */
const replayFinished: Report = {
  type: 'service.replay.finished',
  from: `moved m where m.state = 'FINISHED'`,
  tenant: 'm.tenant',
  data: {
    ...{ replayId: 'm.id', tenant: 'm.tenant', kind: 'm.kind', missedBy: 'm."missedBy"' },
    ...{ total: 'm.total', done: 'm.done' },
    ...{ createdAt: sqlIsoTime('m."createdAt"'), finishedAt: sqlIsoTime('m."finishedAt"') },
  },
}

/**
 * `$4` the cursor at which the step ends; null: that was the last one. `$5` the candidates.
 *
 * @param made a part with a row for each delivery that the step has made
 */
const sqlMoved = (made: string): string => `
  moved as (
    update replays r
    set cursor = coalesce($4, r.cursor), done = r.done + made.count,
        "nextStepAt" = $3::timestamptz + made.count * interval '1 second' / coalesce(r."ratePerSecond", 1000000),
        state = case when $4 is null then 'FINISHED'::"ReplayState" else r.state end,
        "finishedAt" = case when $4 is null then ${sqlNow} end, "updatedAt" = ${sqlNow}
    from claimed, (select count(*)::int as count from ${made}) as made
    where r.id = claimed.id
    returning ${sqlReplaySnapshot('r')}, extract(epoch from r."nextStepAt" - now()) * 1000 as "nextInMs"
  ), ${sqlReportParts(replayFinished)}`

// Here the column `kind` is that of the row.
const { kind: _, ...movedColumns } = replayColumns

const sqlRows = (changed: Record<string, RowKind>): string =>
  sqlRowsOfKinds({
    ...changed,
    replay: { columns: { ...movedColumns, nextInMs: 'float8' }, from: 'moved' },
    reported: reportedRowKind,
  })

export type StepRow =
  | ChangedRow
  | ReportedRow
  | ({ kind: 'replay'; nextInMs: number } & Omit<ReplaySnapshot, 'kind'>)

/** `$6` the states that the filter asks for, `$7` whether they are discarded; null: either. */
export const replayDeliveries: Statement = {
  name: 'replay-deliveries',
  text: `
    with ${sqlClaimed}, held as materialized (
      -- Locked, so that each status is the present one.
      select d.id, d."eventId", d.status, d."orderingHash", d."orderingSequence" from deliveries d
      where d.id = any ($5::uuid[]) and exists (select from claimed)
        and d.status = any ($6::"DeliveryStatus"[]) and d.status in (${sqlStates(transitions.replay.from)})
        and coalesce((d."discardedAt" is not null) = $7::bool, true)
      order by d.id for update
    ), present as materialized (
      -- Read anew, behind the locks: an erasure may have held them.
      select e.id, e."expiresAt" from events e
      where e.id = any (array(select "eventId" from held)) and e."erasedAt" is null
      order by e.id for no key update
    ), found as materialized (
      select held.*, present."expiresAt" from held join present on present.id = held."eventId"
    ), ${sqlReopen('found')}, ${sqlMoved('retried')}
    ${sqlRows(changedRowKinds('retried', 'reopened'))}`,
}

export const discardDeliveries: Statement = {
  name: 'discard-deliveries',
  text: `
    with ${sqlClaimed}, held as materialized (
      -- One that has changed since the step was taken, and is DEAD, has died anew: it is another dead letter.
      select d.id from deliveries d
      where d.id = any ($5::uuid[]) and exists (select from claimed)
        and ${sqlIsDeadLetter('d')} and d."updatedAt" < $3::timestamptz
      order by d.id for update
    ), discarded as (
      update deliveries d set "discardedAt" = ${sqlNow}, "updatedAt" = ${sqlNow}
      from held where d.id = held.id
      returning ${sqlDeliverySnapshot('d')}
    ), ${sqlMoved('discarded')}
    ${sqlRows({ delivery: changedRowKinds('discarded', '').delivery })}`,
}

export const deliverMissed: Statement = {
  name: 'deliver-missed-events',
  text: `
    with ${sqlClaimed}, found as materialized (
      select e.id, e."expiresAt", s.id as "subscriptionId", s.tenant,
             case when s."isOrdered" then ${sqlOrderingHash('e."orderingKey"', 'e.tenant')} end as "orderingHash"
      from events e cross join (
        select s.id, s.tenant, s."isOrdered" from claimed join subscriptions s on s.id = claimed."missedBy"
        where s."deletedAt" is null
      ) as s
      where e.id = any ($5::uuid[]) and e."erasedAt" is null and e.status not in (${sqlStates(undispatchedStates)})
      order by e.id for no key update of e
    ), lines as materialized (
      ${sqlLockLines('found')}
    ), placed as materialized (
      -- In the order of the events, behind what is in line.
      select id, "orderingHash", ${sqlNextPlace} as place
      from (
        select id, "orderingHash" from found
        where "orderingHash" is not null and (select count from lines) >= 0 order by id offset 0
      ) as in_order
    ), created as (
      insert into deliveries (id, "eventId", "subscriptionId", tenant, "nextRunAt", "orderingHash",
                              "orderingSequence")
      select uuid_v7(), found.id, found."subscriptionId", found.tenant,
             case when placed.id is null then ${sqlNow} end, placed."orderingHash", placed.place
      from found left join placed using (id)
      order by found.id
      on conflict ("eventId", "subscriptionId") do nothing
      returning *
    ), counted as (
      update events e
      set "deliveryCount" = e."deliveryCount" + 1,
          status = ${sqlEventStatus('(e."deliveryCount" + 1)', 'e."sentCount"', 'e."deadCount"')},
          "updatedAt" = ${sqlNow}
      from created where e.id = created."eventId"
      returning ${sqlEventSnapshot('e')}
    ), expiring as (
      insert into "expiringEvents" ("eventId", "expiresAt")
      select found.id, found."expiresAt" from found join created on created."eventId" = found.id
      where found."expiresAt" is not null
      on conflict do nothing
    ), deltas as (
      ${sqlCounterDeltas('select null::"DeliveryStatus" as before, status as after from created')}
    ), ${sqlMoved('created')}
    ${sqlRows(changedRowKinds('created', 'counted'))}`,
}
