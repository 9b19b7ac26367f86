/**
 * Puts events that are SCHEDULED into the outbox when their time has come. From there they go on as events that are
 * accepted at that moment: the dispatcher decides which subscriptions get them, and one with an ordering key takes its
 * place in the order now.
 */
import { eventColumns, sqlEventSnapshot } from '../../model/event-snapshot.js'
import { sqlLockLines, sqlNextPlace } from '../../model/ordering.js'
import { sqlRowsOfKinds } from '../../model/row-kinds.js'
import { createPoller, type Poller } from '../../platform/poller.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { sqlNow } from '../../platform/postgres/sql-now.js'
import { announceChanges, type ChangedEventRow, changesOfRows } from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'

/** `$1` the limit. A cancellation removes the entry, too: the one that it has locked is skipped. */
const takeScheduledEvents: Statement = {
  name: 'take-scheduled-events',
  text: `
    with due as materialized (
      select "eventId", "deliverAt", "orderingHash" from "scheduledEvents" where "deliverAt" <= now()
      order by "deliverAt", "eventId" limit $1 for update skip locked
    ), locked as materialized (
      ${sqlLockLines('due')}
    ), taken as (
      delete from "scheduledEvents" where "eventId" = any (array(select "eventId" from due))
    ), marked as (
      update events e set status = 'PENDING', "updatedAt" = ${sqlNow}
      where e.id = any (array(select "eventId" from due)) and e.status = 'SCHEDULED'
      returning ${sqlEventSnapshot('e')}
    ), queued as (
      insert into outbox ("eventId", "orderingHash", "orderingSequence")
      select "eventId", "orderingHash", case when "orderingHash" is not null then ${sqlNextPlace} end
      from (
        select due.* from due join marked on marked.id = due."eventId" where (select count from locked) >= 0
        order by due."deliverAt", due."eventId" offset 0
      ) as in_order
    )
    ${sqlRowsOfKinds({
      event: { columns: eventColumns, from: 'marked' },
      next: {
        columns: { inMs: 'float8' },
        from: `(
          select extract(epoch from "deliverAt" - now()) * 1000 as "inMs" from "scheduledEvents"
          where "deliverAt" > now() order by "deliverAt" limit 1
        ) as next`,
      },
    })}`,
}

type TakeScheduledEventsRow = ChangedEventRow | { kind: 'next'; inMs: number }

const MAX_TAKEN_AT_ONCE = 500
/**
 * How often it looks by itself. Between two looks an event may be accepted whose time comes before the second one:
 * by this much it can be late.
 */
const LOOKS_EVERY_MS = 500

export interface TakenEvents {
  count: number
  /** Time until the next one is due; null if there is none. */
  nextInMs: number | null
}

export async function takeScheduled(database: Database, serviceEvents: ServiceEvents): Promise<TakenEvents> {
  const rows = await database.query<TakeScheduledEventsRow>(takeScheduledEvents, [MAX_TAKEN_AT_ONCE])
  const events = rows.filter((row) => row.kind === 'event')
  announceChanges(serviceEvents, changesOfRows(events))
  const next = rows.find((row) => row.kind === 'next')
  return { count: events.length, nextInMs: next?.inMs ?? null }
}

export interface ScheduleOptions {
  database: Database
  serviceEvents: ServiceEvents
  /** Called when there are new entries in the outbox. */
  onTaken(): void
  onError(error: unknown): void
}

export function createSchedule({ database, serviceEvents, onTaken, onError }: ScheduleOptions): Poller {
  async function run(): Promise<boolean> {
    const { count, nextInMs } = await takeScheduled(database, serviceEvents)
    if (count > 0) onTaken()
    if (nextInMs !== null && nextInMs < LOOKS_EVERY_MS) poller.wakeIn(nextInMs)
    return count === MAX_TAKEN_AT_ONCE
  }
  const poller = createPoller({ run, intervalMs: LOOKS_EVERY_MS, onError })
  return poller
}
