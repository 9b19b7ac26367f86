/**
 * The matcher: which subscriptions want an event, from an index in the memory of this process.
 *
 * It is exact, although the index may be older than the last change of a subscription: the statement that writes
 * deliveries gets the view of the index, and writes none when it sees a change that the view doesn't contain. The event
 * is then matched again, after a refresh.
 */
import { createBatcher } from '../platform/batcher.js'
import type { Database } from '../platform/postgres/database.js'
import { type IndexedSubscriptions, loadAll, loadChanges } from './load.js'
import { type ViewParameters, viewParameters } from './view.js'

export interface Matches {
  /** By event type, the ids of the subscriptions that want it. Types with more than was asked for are missing. */
  byType: Map<string, string[]>
  /** What the matches were made from, for `sqlIsCurrent`. */
  view: ViewParameters
}

export interface Matcher {
  /** @param atMost subscriptions of a type; the default is no bound */
  match(eventTypes: Iterable<string>, atMost?: number): Matches
  /** Resolves when the index has every change that was committed before this call. */
  refresh(): Promise<void>
}

export async function createMatcher(database: Database): Promise<Matcher> {
  let subscriptions: IndexedSubscriptions = await loadAll(database)

  /** Calls that come during a refresh share the next one. */
  const refreshes = createBatcher<undefined, void>({
    maxSize: Number.POSITIVE_INFINITY,
    maxConcurrent: 1,
    async run(callers) {
      subscriptions = await loadChanges(database, subscriptions)
      return callers.map(() => undefined)
    },
  })

  return {
    match(eventTypes, atMost) {
      const { index, view } = subscriptions
      const byType = new Map<string, string[]>()
      for (const type of new Set(eventTypes)) {
        const ids = index.find(type, atMost)
        if (ids !== undefined) byType.set(type, ids)
      }
      return { byType, view: viewParameters(view) }
    },
    refresh: () => refreshes.add(undefined),
  }
}

/** Two parameters of a statement: each pair of an event type and the id of a subscription that wants it. */
export function matchColumns(byType: Matches['byType']): [types: string[], subscriptionIds: string[]] {
  const types: string[] = []
  const subscriptionIds: string[] = []
  for (const [type, ids] of byType) {
    for (const id of ids) {
      types.push(type)
      subscriptionIds.push(id)
    }
  }
  return [types, subscriptionIds]
}
