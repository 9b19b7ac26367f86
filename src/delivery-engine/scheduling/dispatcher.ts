/**
 * The dispatcher: turns outbox entries into deliveries.
 *
 * One statement takes entries off the outbox, writes a delivery for each subscription that wants their events, and sets
 * the events' status. A crash leaves the entries in the outbox. Several dispatchers never take the same entry.
 *
 * The statement gets the matches of event types that are likely to come next. It leaves entries of other types and
 * names their match keys. It takes none when the matches are out of date, so an event that is published right after a
 * subscription was created finds it. Events that a subscription filters are read first, and each is matched by itself.
 *
 * Deliveries to an ordered subscription wait in line, if their event has an ordering key: see `src/model/ordering.ts`.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FilterFailure } from '../../filters/filter.js'
import { type EventText, toFilteredEvent } from '../../filters/filtered-event.js'
import { type Matcher, matchColumns } from '../../matching/matcher.js'
import { sqlIsCurrent } from '../../matching/view.js'
import { sqlIsLimited } from '../../model/breaker.js'
import { sqlCounterDeltas } from '../../model/counter-deltas.js'
import { sqlEventStatus } from '../../model/delivery-states.js'
import { sqlEventSnapshot } from '../../model/event-snapshot.js'
import { sqlLeaseEnd } from '../../model/lease-end.js'
import { sqlRoom } from '../../model/lease-room.js'
import { sqlRowsOfKinds } from '../../model/row-kinds.js'
import { matchKey, sqlMatchKey } from '../../model/tenant.js'
import { createPoller, type Poller } from '../../platform/poller.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { sqlNow } from '../../platform/postgres/sql-now.js'
import {
  announceChanges,
  type ChangedDeliveryRow,
  type ChangedEventRow,
  changedRowKinds,
  changesOfRows,
} from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { LeaseQuotaParameters } from '../fairness/lease-quotas.js'
import { type Lease, toLease } from './lease.js'

/** Bounds the memory for their payloads, and the time for which the event loop is busy with their filters. */
const MAX_EVENTS_TO_FILTER = 50

/**
 * `$1` the batch size; `$2`, `$3`, `$4`: `LeaseQuotaParameters`. `$5` the match keys, `$6`, `$7` pairs of a key and a
 * subscription that wants its events, `$8`, `$9`, `$10` the `ViewParameters` of the match. `$11` the events that were
 * matched by themselves, whose keys are their ids; all others have their match key.
 */
const dispatch: Statement = {
  name: 'dispatch',
  text: `
    with match as materialized (
      select ${sqlIsCurrent('$8', '$9', '$10')} as "isCurrent"
    ), next as materialized (
      -- The limits make PostgreSQL look up each event, and below each subscription, by its id.
      select entry.*,
             case when entry."eventId" = any ($11::uuid[]) then entry."eventId"::text else e."matchKey" end as "matchKey"
      from (
        select "eventId", "orderingHash", "orderingSequence" from outbox order by "eventId" limit $1
        for update skip locked
      ) as entry
      cross join lateral (
        select ${sqlMatchKey('events')} as "matchKey" from events where id = entry."eventId" limit 1
      ) as e
    ), claimed as (
      -- An array, so that the plan uses the index even if the outbox was short when it was planned.
      delete from outbox where "eventId" = any (array(
        select "eventId" from next where "matchKey" = any ($5::text[]) and (select "isCurrent" from match)
      ))
      returning "eventId"
    ), wanting as materialized (
      select pair."matchKey", s.*
      from unnest($6::text[], $7::uuid[]) as pair ("matchKey", id)
      cross join lateral (
        select id as "subscriptionId", tenant, "isOrdered", ${sqlIsLimited('found')} as "isPaced"
        from subscriptions found where id = pair.id limit 1
      ) as s
    ), wanted as (
      -- A row for each event and subscription that wants it, or one without a subscription.
      select claimed."eventId", wanting."subscriptionId", wanting.tenant, wanting."isPaced",
             case when wanting."isOrdered" then next."orderingHash" end as "orderingHash", next."orderingSequence"
      from claimed join next using ("eventId") left join wanting using ("matchKey")
    ), matched as (
      select wanted.*, row_number() over (partition by "subscriptionId", "orderingHash" is null order by "eventId") as place
      from wanted where "subscriptionId" is not null
    ), rooms as materialized (
      -- With a limit of its own, or a breaker, there is no room: the scheduler leases these deliveries in their time.
      select s."subscriptionId",
             case when s."isPaced" then 0 else ${sqlRoom('s."subscriptionId"', 'coalesce(a.quota, $4)')} end as room
      from (select distinct "subscriptionId", "isPaced" from matched) as s
      left join unnest($2::uuid[], $3::int[]) as a ("subscriptionId", quota) using ("subscriptionId")
    ), created as (
      insert into deliveries (id, "eventId", "subscriptionId", tenant, "nextRunAt", "queuedUntil", "orderingHash",
                              "orderingSequence")
      select uuid_v7(), matched."eventId", matched."subscriptionId", matched.tenant,
             case when matched."orderingHash" is null then ${sqlNow} end,
             case when matched."orderingHash" is null and matched.place <= rooms.room then ${sqlLeaseEnd} end,
             matched."orderingHash", case when matched."orderingHash" is not null then matched."orderingSequence" end
      from matched join rooms using ("subscriptionId")
      returning *
    ), deltas as (
      ${sqlCounterDeltas('select null::"DeliveryStatus" as before, status as after from created')}
    ), counted as (
      select "eventId", count("subscriptionId")::int as deliveries from wanted group by "eventId"
    ), marked as (
      update events e
      set "deliveryCount" = counted.deliveries,
          status = ${sqlEventStatus('counted.deliveries', '0', '0')},
          "updatedAt" = ${sqlNow}
      from counted where e.id = counted."eventId"
      returning ${sqlEventSnapshot('e')}
    )
    ${sqlRowsOfKinds({
      ...changedRowKinds('created', 'marked', { queuedUntil: 'timestamptz' }),
      unmatched: {
        columns: { matchKey: 'text' },
        from: '(select distinct "matchKey" from next where "matchKey" <> all ($5::text[])) as unmatched',
      },
      match: { columns: { isCurrent: 'bool' }, from: 'match' },
    })}`,
}

/** `$1` the batch size, `$2` match keys. */
const readEventsToFilter: Statement = {
  name: 'read-events-to-filter',
  text: `
    select e.*
    from (select "eventId" from outbox order by "eventId" limit $1) as entry
    cross join lateral (
      select id, type, tenant, data::text as data, metadata::text as metadata, "createdAt",
             ${sqlMatchKey('events')} as "matchKey"
      from events where id = entry."eventId" limit 1
    ) as e
    where e."matchKey" = any ($2::text[])
    order by e.id limit ${MAX_EVENTS_TO_FILTER}`,
}

interface ReadEventsRow extends EventText {
  id: string
}

type DispatchRow =
  | CreatedRow
  | ChangedEventRow
  /** The match key of entries that were left, because it is not among those that were matched. */
  | { kind: 'unmatched'; matchKey: string }
  | { kind: 'match'; isCurrent: boolean }

/** A new delivery, with the end of its lease. */
type CreatedRow = ChangedDeliveryRow & { queuedUntil: Date | null }

export interface DispatchOptions {
  database: Database
  matcher: Matcher
  serviceEvents: ServiceEvents
  batchSize: number
  /** How many deliveries of each subscription may be leased. */
  leaseQuotas(): LeaseQuotaParameters
  /** Puts leased deliveries on the queue. */
  enqueue(leases: Lease[]): Promise<void>
  /** Called when deliveries of these subscriptions stay in the table, because the quota is used up. */
  onBacklog(subscriptionIds: Iterable<string>): void
  /** Called when deliveries of these subscriptions wait in line. They may be the first of it. */
  onInLine(subscriptionIds: Iterable<string>): void
}

export interface DispatcherOptions extends DispatchOptions {
  intervalMs: number
  onError(error: unknown): void
}

/** Collects events that arrive one by one: a statement for a few costs little more than for one. */
const REST_MS = 3
/** Most pairs of a match key and a subscription in one statement, unless a single key has more. */
const MAX_PAIRS = 50_000
/** A key with more subscriptions is matched only when an entry of it is there. */
const MAX_PAIRS_OF_LIKELY_KEY = 100

export const createDispatcher = ({ intervalMs, onError, ...options }: DispatcherOptions): Poller =>
  createPoller({ run: createDispatch(options), intervalMs, restMs: REST_MS, onError })

/** @returns a function that dispatches a batch, and resolves with whether there is more to do at once */
export function createDispatch(options: DispatchOptions): () => Promise<boolean> {
  const { database, matcher, serviceEvents, batchSize, leaseQuotas } = options
  /** The next entries are likely to have the match keys of the last ones. */
  let likelyKeys: string[] = []
  /** With deliveries in line that may wait for entries which were left: once these are dispatched, it is their turn. */
  const behindLeft = new Set<string>()

  async function dispatchBatch(): Promise<boolean> {
    // The view is the older one of the two: an event that is matched by newer subscriptions is taken only where none
    // changed.
    const { byKey: likely, filtered, view } = matcher.match(likelyKeys)
    const { matches, failures } = await matchEvents(await readEvents(filtered))
    const byKey = cut(new Map([...likely, ...matches]))
    const match = [[...byKey.keys()], ...matchColumns(byKey), ...view, [...matches.keys()]]
    const rows = await database.query<DispatchRow>(dispatch, [batchSize, ...leaseQuotas(), ...match])
    const deliveries = rows.filter((row) => row.kind === 'delivery')
    const events = rows.filter((row) => row.kind === 'event')
    const unmatched = rows.filter((row) => row.kind === 'unmatched')
    // Before they are queued: a delivery must be announced before its first attempt is.
    announceChanges(serviceEvents, changesOfRows([...deliveries, ...events]))
    for (const { id } of events) matcher.count(failures.get(id) ?? [])
    await passOn(deliveries)
    tellLines(deliveries, unmatched.length > 0)
    const dispatched = events.map(({ type, tenant }) => matchKey(type, tenant))
    const isLikely = (key: string) => (likely.get(key)?.length ?? 0) <= MAX_PAIRS_OF_LIKELY_KEY
    const seen = new Set([...unmatched.map(({ matchKey }) => matchKey), ...dispatched.filter(isLikely)])
    if (seen.size > 0) likelyKeys = [...seen]
    const isStale = rows.some((row) => row.kind === 'match' && !row.isCurrent)
    if (isStale) await matcher.refresh()
    return isStale || unmatched.length > 0 || events.length >= batchSize
  }

  /** Entries of these match keys, to be matched by themselves. */
  async function readEvents(keys: Set<string>): Promise<ReadEventsRow[]> {
    if (keys.size === 0) return []
    return database.query<ReadEventsRow>(readEventsToFilter, [batchSize, [...keys]])
  }

  async function matchEvents(events: ReadEventsRow[]) {
    const matches = new Map<string, string[]>()
    const failures = new Map<string, FilterFailure[]>()
    for (const { id, ...event } of events) {
      // Thousands of filters take a while, in which others get their turn.
      await nextTurn()
      const match = matcher.matchEvent(toFilteredEvent(event))
      matches.set(id, match?.ids ?? [])
      failures.set(id, match?.failures ?? [])
    }
    return { matches, failures }
  }

  async function passOn(created: CreatedRow[]): Promise<void> {
    const leases = created
      .filter(isLeased)
      .map(({ id, subscriptionId, queuedUntil }) =>
        toLease({ deliveryId: id, subscriptionId, queuedUntil, isRetry: false, isPaced: false }),
      )
    if (leases.length > 0) await options.enqueue(leases)
    const unleased = created.filter((row) => !isLeased(row) && !isInLine(row))
    if (unleased.length > 0) options.onBacklog(unleased.map(({ subscriptionId }) => subscriptionId))
  }

  function tellLines(created: CreatedRow[], areSomeLeft: boolean): void {
    for (const { subscriptionId } of created.filter(isInLine)) behindLeft.add(subscriptionId)
    if (behindLeft.size > 0) options.onInLine([...behindLeft])
    if (!areSomeLeft) behindLeft.clear()
  }

  return dispatchBatch
}

/** Leaves out the keys that are too many for one statement. Their entries stay until the next one. */
function cut(byKey: Map<string, string[]>): Map<string, string[]> {
  const taken = new Map<string, string[]>()
  let pairs = 0
  for (const [key, ids] of byKey) {
    pairs += ids.length
    if (pairs > MAX_PAIRS && taken.size > 0) break
    taken.set(key, ids)
  }
  return taken
}

const isInLine = ({ nextRunAt }: CreatedRow): boolean => nextRunAt === null
const isLeased = (row: CreatedRow): row is CreatedRow & { queuedUntil: Date } => row.queuedUntil !== null
