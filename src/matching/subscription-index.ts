/**
 * The enabled subscriptions by the event types and patterns that they want: the one definition of a match. A look-up
 * costs the same with one subscription as with a million.
 */
import { matchKey, tenantOfKey, wantedBy } from '../model/tenant.js'

/**
 * Event types and patterns, with a space between two, which none of them contains. Those of a tenant's subscription are
 * match keys. One text takes a third of the memory of an array.
 */
export type EventTypes = string

export interface SubscriptionIndex {
  /** The number of subscriptions in the index. */
  readonly size: number
  /** Puts a subscription in the place of what the index knows of it. Without event types it is removed. */
  set(id: string, eventTypes: EventTypes, filter?: string | null, tenant?: string | null): void
  /** The filter of a subscription, as text. */
  filterOf(id: string): string | undefined
  /** The tenant of a subscription; null where it has none, or is not in the index. */
  tenantOf(id: string): string | null
  /**
   * The ids of the subscriptions that want events of this match key, each once, whatever their filters say; undefined
   * if there are more than `atMost`.
   */
  find(matchKey: string, atMost?: number): string[] | undefined
}

export function createSubscriptionIndex(): SubscriptionIndex {
  const typesById = new Map<string, EventTypes>()
  /** Of the subscriptions that have one. */
  const filterById = new Map<string, string>()
  /** A type that one subscription wants has its id in the place of a set: most types of a large index are such. */
  const idsByType = new Map<string, string | Set<string>>()
  const share = createTextSharing()

  function add(type: string, id: string): void {
    const known = idsByType.get(type)
    if (known === undefined) idsByType.set(type, id)
    else if (typeof known === 'string') idsByType.set(type, new Set([known, id]))
    else known.add(id)
  }

  function remove(type: string, id: string): void {
    const known = idsByType.get(type)
    if (typeof known === 'object') {
      known.delete(id)
      if (known.size > 0) return
    }
    idsByType.delete(type)
  }

  const idsOf = (type: string): Iterable<string> => {
    const known = idsByType.get(type) ?? []
    return typeof known === 'string' ? [known] : known
  }

  return {
    get size() {
      return typesById.size
    },
    set(id, wanted, filter, tenant = null) {
      const eventTypes = tenant === null ? wanted : ofTenant(wanted, tenant)
      for (const type of listOf(typesById.get(id) ?? '')) remove(type, id)
      filterById.delete(id)
      if (eventTypes === '') return void typesById.delete(id)
      if (filter != null) filterById.set(id, share(filter))
      typesById.set(id, share(eventTypes))
      for (const type of listOf(eventTypes)) add(type, id)
    },
    filterOf: (id) => filterById.get(id),
    tenantOf: (id) => tenantOfKey(typesById.get(id) ?? ''),
    find(key, atMost = Number.POSITIVE_INFINITY) {
      const ids = new Set<string>()
      for (const pattern of wantedBy(key)) {
        for (const id of idsOf(pattern)) if (ids.add(id).size > atMost) return undefined
      }
      return [...ids]
    },
  }
}

const ofTenant = (types: EventTypes, tenant: string): EventTypes =>
  listOf(types)
    .map((type) => matchKey(type, tenant))
    .join(' ')

/** A single type is the text itself, not a copy. */
const listOf = (types: EventTypes): string[] =>
  types === '' ? [] : types.includes(' ') ? types.split(' ') : [types]

/** Many subscriptions want the same few types, or have the same filter. Those that follow each other share one text. */
function createTextSharing(): (text: string) => string {
  const recent = new Map<string, string>()
  return (text) => {
    const known = recent.get(text)
    if (known !== undefined) return known
    if (recent.size >= MAX_SHARED) recent.clear()
    recent.set(text, text)
    return text
  }
}

const MAX_SHARED = 1000
