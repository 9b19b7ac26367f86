/**
 * The matcher: which subscriptions want an event, from an index in the memory of this process.
 *
 * It is exact, although the index may be older than the last change of a subscription: the statement that writes
 * deliveries gets the view of the index, and writes none when it sees a change that the view doesn't contain. The event
 * is then matched again, after a refresh.
 */
import { compiledFilter } from '../filters/compiled-filters.js'
import { FilterError, type FilteredEvent, type FilterFailure, type Verdict } from '../filters/filter.js'
import { matchKey } from '../model/tenant.js'
import type { Database } from '../platform/postgres/database.js'
import { shareRefreshes } from '../platform/refresher.js'
import { type IndexedSubscriptions, loadAll, loadChanges } from './load.js'
import { type ViewParameters, viewParameters } from './view.js'

export interface Matches {
  /**
   * By match key, the ids of the subscriptions that want its events. Keys with more than was asked for are missing, and
   * so are those of `filtered`.
   */
  byKey: Map<string, string[]>
  /** The match keys of which a subscription filters the events. Each of these events is matched by itself. */
  filtered: Set<string>
  /** What the matches were made from, for `sqlIsCurrent`. */
  view: ViewParameters
}

export interface EventMatch {
  /** The ids of the subscriptions that want the event. */
  ids: string[]
  /** The subscriptions whose filters failed for it, which therefore don't get it. */
  failures: FilterFailure[]
}

export interface Matcher {
  /** @param atMost subscriptions of a match key; the default is no bound */
  match(matchKeys: Iterable<string>, atMost?: number): Matches
  /** @returns undefined where more than `atMost` subscriptions want its type */
  matchEvent(event: FilteredEvent, atMost?: number): EventMatch | undefined
  /** The tenant of a subscription; null where it has none, or is disabled. */
  tenantOf(subscriptionId: string): string | null
  /** Counts failures of filters, once the event that they failed for is dispatched. */
  count(failures: FilterFailure[]): void
  /** Resolves when the index has every change that was committed before this call. */
  refresh(): Promise<void>
}

export async function createMatcher(
  database: Database,
  count: Matcher['count'] = () => {},
): Promise<Matcher> {
  let subscriptions: IndexedSubscriptions = await loadAll(database)

  const refresh = shareRefreshes(async () => {
    subscriptions = await loadChanges(database, subscriptions)
  })

  return {
    match(matchKeys, atMost) {
      const { index, view } = subscriptions
      const byKey = new Map<string, string[]>()
      const filtered = new Set<string>()
      for (const key of new Set(matchKeys)) {
        const ids = index.find(key, atMost)
        if (ids?.some((id) => index.filterOf(id) !== undefined)) filtered.add(key)
        else if (ids !== undefined) byKey.set(key, ids)
      }
      return { byKey, filtered, view: viewParameters(view) }
    },
    matchEvent(event, atMost) {
      const { index } = subscriptions
      const failures: FilterFailure[] = []
      const ids = index.find(matchKey(event.type, event.tenant), atMost)?.filter((subscriptionId) => {
        const filter = index.filterOf(subscriptionId)
        if (filter === undefined) return true
        const { matches, error } = test(filter, event)
        if (error !== null) failures.push({ subscriptionId, error })
        return matches
      })
      return ids && { ids, failures }
    },
    tenantOf: (subscriptionId) => subscriptions.index.tenantOf(subscriptionId),
    count,
    refresh,
  }
}

/** A filter that was stored by another version may be one that this version refuses. */
function test(filter: string, event: FilteredEvent): Verdict {
  try {
    return compiledFilter(filter).test(event)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    return { matches: false, error: error.message }
  }
}

/**
 * Two parameters of a statement: each pair of a key and the id of a subscription.
 *
 * @param byKey the key stands for events that the same subscriptions want: a match key, or the id of one that
 * is filtered
 */
export function matchColumns(byKey: Map<string, string[]>): [keys: string[], subscriptionIds: string[]] {
  const keys: string[] = []
  const subscriptionIds: string[] = []
  for (const [key, ids] of byKey) {
    for (const id of ids) {
      keys.push(key)
      subscriptionIds.push(id)
    }
  }
  return [keys, subscriptionIds]
}
