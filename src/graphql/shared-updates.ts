/**
 * The updates that watchers share. Watchers whose operations have equal answers are one group: each change is executed
 * once for the group, and all its watchers get the same update.
 *
 * A group tells its watchers in turns, and rests between them. So the code that publishes a change never waits for its
 * watchers, and what changes meanwhile goes out together.
 */
import type { Turns } from '../platform/turns.js'
import type { Feed, Source } from './feed.js'
import type { KeptFrames } from './frames.js'
import { createUpdate, type Execute, type Update } from './updates.js'
import { createWaitingChanges, type Row } from './waiting-changes.js'

/** How long a group makes frames within one turn, in time of the CPU. */
const TURN_MS = 4
/** Frames that are made at once, unless they hold more stored bytes than this. */
const MADE_AT_ONCE = 10
const LARGE_BYTES = 64 * 1024
/** Watchers that are told within one turn. */
const TOLD_AT_ONCE = 100

/** Where the changes of a group come from. */
export interface ChangeSource<Change> {
  open(push: (change: Change) => void): { listening: Promise<unknown>; close(): void }
  rowOf(change: Change): Row
  /** The time of a change, for the ids of an event stream; absent if the stream has none. */
  timeOf?(change: Change): Date
  /** Whether a change is the whole state, so that who comes later first gets the last one. */
  isState?: boolean
}

export interface SharedUpdates {
  /** @param key the same for all watchers whose answers are equal */
  join<Change>(
    key: string,
    feed: Feed<Update<Change>>,
    source: ChangeSource<Change>,
    execute: Execute<Change>,
  ): Source
}

interface Group<Change> {
  join(feed: Feed<Update<Change>>): Source
}

export function createSharedUpdates(turns: Turns, kept: KeptFrames): SharedUpdates {
  const groups = new Map<string, Group<never>>()
  return {
    join<Change>(
      key: string,
      feed: Feed<Update<Change>>,
      source: ChangeSource<Change>,
      execute: Execute<Change>,
    ) {
      const known = groups.get(key) as Group<Change> | undefined
      const onEmpty = () => void groups.delete(key)
      const group = known ?? createGroup({ source, execute, turns, kept, onEmpty })
      groups.set(key, group as unknown as Group<never>)
      return group.join(feed)
    },
  }
}

interface GroupParts<Change> {
  source: ChangeSource<Change>
  execute: Execute<Change>
  turns: Turns
  kept: KeptFrames
  onEmpty(): void
}

function createGroup<Change>({ source, execute, turns, kept, onEmpty }: GroupParts<Change>): Group<Change> {
  const feeds = new Set<Feed<Update<Change>>>()
  const waiting = createWaitingChanges<Change>(source.rowOf)
  const updateOf = createUpdates(source, execute, kept)
  let last: Update<Change> | undefined
  let isTelling = false
  let opened: ReturnType<ChangeSource<Change>['open']> | undefined

  function push(change: Change): void {
    if (!waiting.add(change)) for (const feed of feeds) feed.overflow()
    if (isTelling || feeds.size === 0) return
    isTelling = true
    void tellAll().finally(() => {
      isTelling = false
    })
  }

  async function tellAll(): Promise<void> {
    do {
      await turns.next()
      const startedAt = cpuMs()
      const updates = waiting.takeAll().map(updateOf)
      last = updates.at(-1)
      if ([...feeds].some((feed) => feed.isWaitedFor)) await make(updates)
      await tell(updates)
      // By now, watchers that keep up have taken them.
      await turns.next()
      if ([...feeds].every((feed) => feed.isWaitedFor)) for (const update of updates) kept.forget(update)
      await turns.rest(cpuMs() - startedAt)
    } while (!waiting.isEmpty && feeds.size > 0)
  }

  /** Makes the frames, a few in each turn, so that all watchers then get them in one write. */
  async function make(updates: Update<Change>[]): Promise<void> {
    let startedAt = cpuMs()
    // The first one shows how large they are.
    let atOnce = 1
    for (let made = 0; made < updates.length; ) {
      const frames = await Promise.all(updates.slice(made, made + atOnce).map((update) => update.frame()))
      made += frames.length
      atOnce = frames.some(({ storedBytes }) => storedBytes > LARGE_BYTES) ? 1 : MADE_AT_ONCE
      if (cpuMs() - startedAt < TURN_MS) continue
      await turns.next()
      startedAt = cpuMs()
    }
  }

  async function tell(updates: Update<Change>[]): Promise<void> {
    let told = 0
    for (const feed of [...feeds]) {
      feed.push(updates)
      told += 1
      if (told % TOLD_AT_ONCE === 0) await turns.next()
    }
  }

  return {
    join(feed) {
      feeds.add(feed)
      opened ??= source.open(push)
      if (source.isState && last !== undefined) feed.push([last])
      return {
        listening: opened.listening,
        isIdle: () => waiting.isEmpty && !isTelling,
        close() {
          feeds.delete(feed)
          if (feeds.size > 0) return
          onEmpty()
          opened?.close()
        },
      }
    },
  }
}

/** CPU time, since the time of day would also run while other processes have the CPU, and end each turn early. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The ids of a stream never go back: each is a time up to which a client has all changes. */
function createUpdates<Change>(
  { timeOf }: ChangeSource<Change>,
  execute: Execute<Change>,
  kept: KeptFrames,
): (change: Change) => Update<Change> {
  let newest: Date | undefined
  return (change) => {
    const time = timeOf?.(change)
    if (time !== undefined && (newest === undefined || time > newest)) newest = time
    return createUpdate(change, newest?.toISOString(), execute, kept)
  }
}
