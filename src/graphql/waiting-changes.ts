/**
 * Changes that wait until their watchers are told. Each waits in order. When many wait, only the newest of each row
 * stays (conflation), so a burst costs no more than one update for each row.
 */

/** Up to so many, every change stays: a client sees each state. */
const KEEP_ALL = 100
/** The most rows with a waiting change. */
const MAX_WAITING = 10_000

/** Which row a change is of, and which of its changes is the newer one. */
export interface Row {
  id: string
  updatedAt: Date
}

export interface WaitingChanges<Change> {
  readonly isEmpty: boolean
  /** @returns false when more wait than may */
  add(change: Change): boolean
  /** Takes all that wait. */
  takeAll(): Change[]
}

export function createWaitingChanges<Change>(rowOf: (change: Change) => Row): WaitingChanges<Change> {
  let waiting: Change[] = []
  /** Conflating costs a pass over all that wait, so it is done each time their number has doubled. */
  let conflateAt = KEEP_ALL + 1
  return {
    get isEmpty() {
      return waiting.length === 0
    },
    add(change) {
      waiting.push(change)
      if (waiting.length < conflateAt) return true
      waiting = newestOfEach(waiting, rowOf)
      conflateAt = Math.max(KEEP_ALL + 1, waiting.length * 2)
      return waiting.length <= MAX_WAITING
    },
    takeAll() {
      const taken = waiting.length > KEEP_ALL ? newestOfEach(waiting, rowOf) : waiting
      waiting = []
      conflateAt = KEEP_ALL + 1
      return taken
    },
  }
}

/** The newest change of each row, in the order of their arrival. */
export function newestOfEach<Change>(changes: readonly Change[], rowOf: (change: Change) => Row): Change[] {
  const newest = new Map<string, Change>()
  for (const change of changes) {
    const { id, updatedAt } = rowOf(change)
    const other = newest.get(id)
    if (other !== undefined && rowOf(other).updatedAt > updatedAt) continue
    newest.delete(id)
    newest.set(id, change)
  }
  return [...newest.values()]
}
