/**
 * Keeps subscribers by the values in their filters: a change goes to the matching subscribers, and the others cost
 * nothing. The index keeps a subscriber under the values of one field, the first with a condition in its filter. When a
 * change has one of these values, the index checks the rest of the filter.
 */

/** The values a change may have in each field. An absent field allows any value. */
export type Filter<Change> = { readonly [Field in keyof Change]?: ReadonlySet<Change[Field]> | undefined }

interface Subscriber<Change> {
  filter: Filter<Change>
  push(change: Change): void
}

export interface SubscriberIndex<Change> {
  readonly isEmpty: boolean
  /** @returns a function to remove the subscriber */
  add(filter: Filter<Change>, push: (change: Change) => void): () => void
  /** Pushes a change to every matching subscriber. */
  push(change: Change): void
}

/** @param fields the fields of filters; a field comes earlier when fewer changes share a value of it */
export function createSubscriberIndex<Change>(fields: readonly (keyof Change)[]): SubscriberIndex<Change> {
  const withoutFilter = new Set<Subscriber<Change>>()
  const byField = fields.map((field) => ({ field, byValue: new Map<unknown, Set<Subscriber<Change>>>() }))
  let size = 0

  function place(subscriber: Subscriber<Change>): () => void {
    const indexed = byField.find(({ field }) => subscriber.filter[field] !== undefined)
    if (indexed === undefined) {
      withoutFilter.add(subscriber)
      return () => withoutFilter.delete(subscriber)
    }
    const { field, byValue } = indexed
    const values = [...(subscriber.filter[field] as ReadonlySet<unknown>)]
    for (const value of values) byValue.set(value, (byValue.get(value) ?? new Set()).add(subscriber))
    return () => {
      for (const value of values) {
        const sharing = byValue.get(value)
        sharing?.delete(subscriber)
        if (sharing?.size === 0) byValue.delete(value)
      }
    }
  }

  const wants = ({ filter }: Subscriber<Change>, change: Change) =>
    fields.every((field) => filter[field]?.has(change[field]) !== false)

  return {
    get isEmpty() {
      return size === 0
    },
    add(filter, push) {
      let remove: (() => void) | undefined = place({ filter, push })
      size += 1
      return () => {
        if (remove === undefined) return
        remove()
        remove = undefined
        size -= 1
      }
    },
    push(change) {
      for (const subscriber of withoutFilter) subscriber.push(change)
      for (const { field, byValue } of byField) {
        for (const subscriber of byValue.get(change[field]) ?? [])
          if (wants(subscriber, change)) subscriber.push(change)
      }
    },
  }
}
