/** Live updates within one process: who is told of which change, and how many may listen. */
import { describe, expect, it } from 'vitest'
import { createFrame, createKeptFrames } from '../../src/graphql/frames.js'
import { limits } from '../../src/graphql/limits.js'
import { createLiveUpdates, type Follower } from '../../src/graphql/live-updates.js'
import { createSharedUpdates } from '../../src/graphql/shared-updates.js'
import { createSubscriberIndex, type Filter } from '../../src/graphql/subscriber-index.js'
import { createPubSub } from '../../src/platform/pubsub.js'
import { createTurns } from '../../src/platform/turns.js'

interface Change {
  eventId: string
  subscriptionId: string
  status: string
}

const fields = ['eventId', 'subscriptionId', 'status'] as const

describe('the index of subscribers', () => {
  it('takes each change once to those whose filters it passes, and to no other', () => {
    const index = createSubscriberIndex<Change>(fields)
    const choices = [undefined, new Set(['1']), new Set(['1', '2']), new Set<string>()]
    const filters: Filter<Change>[] = choices.flatMap((eventId) =>
      choices.flatMap((subscriptionId) => choices.map((status) => ({ eventId, subscriptionId, status }))),
    )
    const pushed = filters.map((): Change[] => [])
    const removals = filters.map((filter, at) => index.add(filter, (change) => pushed[at]?.push(change)))
    const values = ['1', '2', '3']
    const changes = values.flatMap((eventId) =>
      values.flatMap((subscriptionId) => values.map((status) => ({ eventId, subscriptionId, status }))),
    )
    for (const change of changes) index.push(change)
    for (const [at, filter] of filters.entries()) {
      const wanted = changes.filter((change) =>
        fields.every((field) => filter[field]?.has(change[field]) !== false),
      )
      expect(pushed[at]).toEqual(wanted)
    }
    for (const remove of [...removals, ...removals]) remove()
    const count = pushed.flat().length
    expect(index.isEmpty).toBe(true)
    for (const change of changes) index.push(change)
    expect(pushed.flat()).toHaveLength(count)
  })

  it('asks only the subscribers that a change may concern', () => {
    const index = createSubscriberIndex<Change>(fields)
    let asked = 0
    const status = {
      has: () => {
        asked += 1
        return true
      },
    } as unknown as ReadonlySet<string>
    for (let id = 0; id < 10_000; id++) index.add({ eventId: new Set([`${id}`]), status }, () => {})
    for (let id = 0; id < 100; id++) index.push({ eventId: `${id}`, subscriptionId: '1', status: 'SENT' })
    expect(asked).toBe(100)
  })
})

describe('bounds on live subscriptions', () => {
  async function open(count: number, followerOf: (index: number) => Follower) {
    await using pubSub = createPubSub(undefined)
    const noStats = { join: () => ({ listening: Promise.resolve(), close() {} }) }
    const shared = createSharedUpdates(createTurns(), createKeptFrames(0))
    const live = createLiveUpdates(pubSub, noStats, shared)
    const execute = async () => createFrame({})
    const follow = async (index: number) => {
      const feed = live.follow('deliveries', {}, followerOf(index)).read('key', execute)
      const first = feed.next()
      first.catch(() => {})
      return { feed, first }
    }
    const feeds: Awaited<ReturnType<typeof follow>>[] = []
    for (let index = 0; index < count; index++) feeds.push(await follow(index))
    const beyond = await follow(count).then(
      () => 'taken',
      (error: Error) => error.message,
    )
    feeds[0]?.feed.return()
    const afterOneEnded = await follow(count).then(
      () => 'taken',
      (error: Error) => error.message,
    )
    live.endAll()
    for (const { first } of feeds) expect(await first).toBeUndefined()
    const afterAllEnded = await follow(0).then(() => 'taken')
    live.endAll()
    return { beyond, afterOneEnded, afterAllEnded }
  }

  const viewer = { tenant: null }

  it.each([
    ['API key', limits.livePerKey, () => ({ apiKey: viewer, socket: {} }), 'with this API key'],
    [
      'WebSocket',
      limits.livePerSocket,
      () => ({ apiKey: { tenant: null }, socket: open }),
      'of this WebSocket',
    ],
    ['process', limits.liveInProcess, () => ({ apiKey: { tenant: null }, socket: {} }), 'of this process'],
  ])('hold for each %s, and one that ends makes room', async (_what, limit, followerOf, whose) => {
    expect(await open(limit, followerOf)).toEqual({
      beyond: expect.stringContaining(`${limit} live subscriptions ${whose} are open`),
      afterOneEnded: 'taken',
      afterAllEnded: 'taken',
    })
  })
})
