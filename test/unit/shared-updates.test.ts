/** What watchers share: one execution of each change, and nothing that holds up another. */
import { describe, expect, it } from 'vitest'
import { createAnswers } from '../../src/graphql/answers.js'
import { createFeed } from '../../src/graphql/feed.js'
import { createFrame, createJoin, createKeptFrames } from '../../src/graphql/frames.js'
import { createSharedUpdates } from '../../src/graphql/shared-updates.js'
import type { Update } from '../../src/graphql/updates.js'
import { createWatch } from '../../src/graphql/watch.js'
import { createTurns } from '../../src/platform/turns.js'

interface Change {
  id: string
  updatedAt: Date
  status: string
}

const change = (id: number, status = 'SENT', ms = id): Change => ({
  ...{ id: `${id}`, status, updatedAt: new Date(ms) },
})
const answers = createAnswers({ answerBytes: 1000, keyBytes: 1000, processBytes: 1000 })
const MB = 1_000_000

interface SharingOptions {
  keptBytes?: number
  isState?: boolean
  /** Of payloads and logs, in each update. */
  storedBytes?: number
}

/** A source of changes with watchers, and the executions for them. */
function createSharing({ keptBytes = MB, isState = false, storedBytes = 0 }: SharingOptions = {}) {
  const pushes = new Set<(change: Change) => void>()
  const executed: string[] = []
  const shared = createSharedUpdates(
    createTurns(() => false),
    createKeptFrames(keptBytes),
  )
  const source = {
    open(push: (change: Change) => void) {
      pushes.add(push)
      return { listening: Promise.resolve(), close: () => void pushes.delete(push) }
    },
    rowOf: (row: Change) => row,
    timeOf: ({ updatedAt }: Change) => updatedAt,
    isState,
  }
  return {
    pushes,
    executed,
    publish(published: Change): void {
      for (const push of pushes) push(published)
    },
    watch(key = 'same', apiKey: object = {}) {
      const reader = createFeed<Update<Change>>((feed) =>
        shared.join(key, feed, source, async (made, id) => {
          executed.push(`${key}: ${made.id} ${made.status}`)
          return createFrame({ data: { ...made } }, id, storedBytes)
        }),
      )
      const toResult = (error: unknown) => ({ data: { refused: (error as Error).message } })
      return createWatch({
        ...{ reader: reader as never, answer: answers.open(apiKey), toResult },
      })
    },
  }
}

type Watch = ReturnType<ReturnType<typeof createSharing>['watch']>

/** Reads until the watcher has seen this many updates. */
async function read(watch: Watch, count: number): Promise<Change[]> {
  const seen: Change[] = []
  while (seen.length < count) {
    const frames = await watch.next()
    if (frames === undefined) break
    seen.push(...frames.map(({ json }) => JSON.parse(json).data))
  }
  return seen
}

describe('watchers with equal answers', () => {
  it('share one execution of each change, and its bytes', async () => {
    const { watch, publish, executed } = createSharing()
    const watches = Array.from({ length: 20 }, () => watch())
    const first = watches.map((each) => each.next())
    for (const status of ['PENDING', 'FAILED', 'SENT']) publish(change(1, status))
    const frames = await Promise.all(first)
    expect(executed).toEqual(['same: 1 PENDING', 'same: 1 FAILED', 'same: 1 SENT'])
    for (const each of frames) {
      expect(each?.length).toBe(3)
      for (const [at, frame] of (each ?? []).entries()) expect(frame).toBe(frames[0]?.[at])
    }
    const join = createJoin()
    expect(join(frames[1] ?? [])).toBe(join(frames[0] ?? []))
    expect(String(join(frames[0] ?? []))).toContain('event: next\nid: 1970-01-01T00:00:00.001Z\ndata: {')
  })

  it('share nothing with others', async () => {
    const { watch, publish, executed } = createSharing()
    const reading = ['one', 'other', 'one'].map((key) => read(watch(key), 1))
    publish(change(1))
    await Promise.all(reading)
    expect(executed.toSorted()).toEqual(['one: 1 SENT', 'other: 1 SENT'])
  })

  it('listen once, and not longer than one of them watches', async () => {
    const { watch, pushes } = createSharing()
    const [one, other] = [watch(), watch()]
    expect(pushes.size).toBe(0)
    const ended = [one.next(), other.next()]
    expect(pushes.size).toBe(1)
    one.return()
    expect(await ended[0]).toBeUndefined()
    expect(pushes.size).toBe(1)
    other.return()
    expect(await ended[1]).toBeUndefined()
    expect(pushes.size).toBe(0)
    void watch().next()
    expect(pushes.size).toBe(1)
  })

  it('do not wait for one that reads slowly, which alone is ended', async () => {
    const { watch, publish } = createSharing()
    const [slow, fast] = [watch(), watch()]
    await Promise.all([read(slow, 1), read(fast, 1), Promise.resolve(publish(change(0)))])
    for (let round = 0; round < 25; round++) {
      const reading = read(fast, 90)
      for (let id = 1; id <= 90; id++) publish(change(round * 100 + id))
      expect(await reading).toHaveLength(90)
    }
    await expect(read(slow, 1)).rejects.toThrow('More than 1000 updates waited')
    publish(change(1, 'DEAD', 10_000))
    expect(await read(fast, 1)).toMatchObject([{ status: 'DEAD' }])
  })

  it('see the last state of each row, and no row going back, however much changes at once', async () => {
    const { watch, publish, executed } = createSharing()
    const watches = [watch(), watch('other')]
    const reading = watches.map((each) => read(each, 1))
    publish(change(-1, 'first', 0))
    await Promise.all(reading)
    const seen = watches.map((each) => read(each, 500))
    for (const [at, status] of ['PENDING', 'FAILED', 'SENT'].entries())
      for (let id = 0; id < 500; id++) publish(change(id, status, at))
    for (const each of await Promise.all(seen))
      expect(each.map(({ id, status }) => `${id} ${status}`)).toEqual(
        Array.from({ length: 500 }, (_, id) => `${id} SENT`),
      )
    expect(executed).toHaveLength(2 + 2 * 500)
  })

  it('that come to an update later than it was kept have it executed again', async () => {
    const { watch, publish, executed } = createSharing({ keptBytes: 0 })
    const [early, late] = [watch(), watch()]
    await Promise.all([read(early, 1), read(late, 1), Promise.resolve(publish(change(1)))])
    const reading = read(early, 1)
    publish(change(2))
    expect(await reading).toEqual(await read(late, 1))
    expect(executed.filter((each) => each === 'same: 2 SENT').length).toBeGreaterThan(1)
  })

  it('cost no execution while none of them reads', async () => {
    const { watch, publish, executed } = createSharing()
    const unread = watch()
    await Promise.all([read(unread, 1), Promise.resolve(publish(change(1)))])
    const other = watch('other')
    const reading = read(other, 1)
    publish(change(2))
    await reading
    expect(executed).toEqual(['same: 1 SENT', 'other: 2 SENT'])
    expect(await read(unread, 1)).toMatchObject([{ id: '2' }])
  })

  it('get the state of the moment at once, where a change is the whole state', async () => {
    const { watch, publish } = createSharing({ isState: true })
    const reading = read(watch(), 1)
    publish(change(1, 'SENT'))
    await reading
    expect(await read(watch(), 1)).toMatchObject([{ id: '1', status: 'SENT' }])
  })

  it('count the stored bytes of an update each, and each is told when there is no room', async () => {
    const { watch, publish } = createSharing({ storedBytes: 600 })
    const apiKey = {}
    const watches = [watch('same', apiKey), watch('same', apiKey)]
    const reading = watches.map((each) => read(each, 1))
    publish(change(1))
    const [[one], [other]] = (await Promise.all(reading)) as [unknown[], unknown[]]
    expect(one).toMatchObject({ id: '1' })
    expect(other).toEqual({ refused: expect.stringContaining('hold as many payloads and logs as they may') })
    for (const each of watches) each.return()
  })
})
