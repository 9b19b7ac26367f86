/**
 * Subscribers by what their filters ask for, so that a change is taken to those that want it and the others cost
 * nothing. Each is kept under the values of one field, the first that its filter names; the rest of the filter is
 * checked when a change has one of these values.
 */

/** The values that a change may have in a field; a field that is absent may have any. */
export type Filter<Change> = { readonly [Field in keyof Change]?: ReadonlySet<Change[Field]> | undefined }

interface Subscriber<Change> {
  filter: Filter<Change>
  push(change: Change): void
}

export interface SubscriberIndex<Change> {
  readonly isEmpty: boolean
  /** Returns what removes it. */
  add(filter: Filter<Change>, push: (change: Change) => void): () => void
  /** Pushes a change to every subscriber that wants it. */
  push(change: Change): void
}

/** @param fields that filters name, those first that the fewest changes share a value of */
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
