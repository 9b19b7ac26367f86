import { describe, expect, it } from 'vitest'
import { createFairQueue, type FairQueue } from '../../src/delivery-engine/fairness/fair-queue.js'
import type { Lease } from '../../src/delivery-engine/scheduling/lease.js'

const lease = (subscriptionId: string, number: number, isRetry = false): Lease => ({
  deliveryId: `${subscriptionId}${number}`,
  subscriptionId,
  queuedUntil: '',
  isRetry,
  isPaced: false,
})

function fairQueueOf(maxInFlight: number, maxInFlightPerSubscription = maxInFlight) {
  const started: string[] = []
  const fairQueue = createFairQueue({
    ...{ maxInFlight, maxInFlightPerSubscription },
    responsivenessOf: (subscriptionId) =>
      (['responsive', 'slow', 'hanging'] as const).find((each) => subscriptionId.startsWith(each)) ??
      'unknown',
    tenantOf: (subscriptionId) => /@(?<tenant>\w+)/.exec(subscriptionId)?.groups?.tenant ?? null,
    start: ({ deliveryId }) => void started.push(deliveryId),
  })
  const startedOf = (subscription: string) => started.filter((id) => id.startsWith(subscription)).length
  return { fairQueue, started, startedOf }
}

function fill(fairQueue: FairQueue, subscription: string, count: number): void {
  for (let number = 1; number <= count; number += 1) fairQueue.add(lease(subscription, number))
}

/** Ends what a subscription has in flight, this many times, one after the other. */
function answer(fairQueue: FairQueue, subscription: string, times: number, isAnswered = true): void {
  for (let count = 0; count < times; count += 1) fairQueue.ended(lease(subscription, 1), isAnswered)
}

describe('createFairQueue', () => {
  it('gives a subscription that is alone and answers a quarter of the slots', () => {
    const { fairQueue } = fairQueueOf(512)
    fill(fairQueue, 'a', 1000)
    answer(fairQueue, 'a', 500)
    expect([fairQueue.inFlight, fairQueue.waiting]).toEqual([128, 372])
  })

  it('starts slowly with an endpoint that has answered, and with each answer one more', () => {
    const { fairQueue, started } = fairQueueOf(512)
    fill(fairQueue, 'responsive', 500)
    expect(started).toHaveLength(8)
    answer(fairQueue, 'responsive', 3)
    expect(fairQueue.inFlight).toBe(11)
  })

  it.each(['new', 'hanging'])('starts with eight for an endpoint that is %s, while most are free', (name) => {
    const { fairQueue, started } = fairQueueOf(512)
    fill(fairQueue, name, 500)
    expect(started).toHaveLength(8)
    answer(fairQueue, name, 8, false)
    expect(fairQueue.inFlight).toBe(8)
    answer(fairQueue, name, 3)
    expect(fairQueue.inFlight).toBe(11)
  })

  it.each(['new', 'hanging'])(
    'starts with one for an endpoint that is %s, once a quarter is taken',
    (name) => {
      const { fairQueue, startedOf } = fairQueueOf(512)
      fill(fairQueue, 'slow', 500)
      answer(fairQueue, 'slow', 200)
      expect(fairQueue.inFlight).toBe(128)
      fill(fairQueue, name, 500)
      expect(startedOf(name)).toBe(1)
      answer(fairQueue, name, 1, false)
      expect(fairQueue.inFlightOf(name)).toBe(1)
      answer(fairQueue, name, 3)
      expect(fairQueue.inFlightOf(name)).toBe(4)
    },
  )

  it('does not grow a window that is not used, nor by what was not answered', () => {
    const { fairQueue } = fairQueueOf(512)
    fill(fairQueue, 'slow', 8)
    answer(fairQueue, 'slow', 8)
    fill(fairQueue, 'slow', 100)
    expect(fairQueue.inFlight).toBe(8)
    answer(fairQueue, 'slow', 8, false)
    expect(fairQueue.inFlight).toBe(8)
    answer(fairQueue, 'slow', 32)
    expect(fairQueue.inFlight).toBe(40)
    answer(fairQueue, 'slow', 1, false)
    expect(fairQueue.inFlight).toBe(39)
    answer(fairQueue, 'slow', 19)
    expect(fairQueue.inFlight).toBe(20)
  })

  it('leaves slots for others, however many of those that answered before hang together', () => {
    const { fairQueue, startedOf } = fairQueueOf(512)
    for (let number = 0; number < 50; number += 1) fill(fairQueue, `responsive${number}-`, 500)
    expect(fairQueue.inFlight).toBe(400)
    fill(fairQueue, 'new', 500)
    expect(startedOf('new')).toBe(1)
  })

  it('keeps half of the slots from endpoints that hang, and the last eighth for those that answer', () => {
    const { fairQueue, startedOf } = fairQueueOf(512)
    for (let number = 0; number < 1000; number += 1) fill(fairQueue, `hanging${number}-`, 10)
    expect(fairQueue.inFlight).toBe(256)
    for (let number = 0; number < 1000; number += 1) fill(fairQueue, `new${number}-`, 10)
    expect(fairQueue.inFlight).toBe(448)
    fill(fairQueue, 'responsive', 10)
    expect(startedOf('responsive')).toBe(8)
  })

  it('gives a free slot to a new endpoint, though many that hang wait for longer', () => {
    const { fairQueue, startedOf } = fairQueueOf(512)
    for (let number = 0; number < 448; number += 1) fill(fairQueue, `new${number}-`, 1)
    for (let number = 0; number < 1000; number += 1) fill(fairQueue, `hanging${number}-`, 10)
    fill(fairQueue, 'late', 1)
    expect([startedOf('hanging'), startedOf('late')]).toEqual([0, 0])
    answer(fairQueue, 'new0-', 1, false)
    expect([startedOf('hanging'), startedOf('late')]).toEqual([0, 1])
  })

  it('starts as many as a setting allows, where that is fewer', () => {
    const { fairQueue, started } = fairQueueOf(512, 3)
    fill(fairQueue, 'slow', 10)
    expect(started).toEqual(['slow1', 'slow2', 'slow3'])
  })

  it('goes on with a subscription that held its share when others free theirs', () => {
    const { fairQueue, startedOf } = fairQueueOf(16)
    fill(fairQueue, 'slow-a', 4)
    fill(fairQueue, 'slow-b', 20)
    expect([startedOf('slow-a'), startedOf('slow-b')]).toEqual([4, 3])
    answer(fairQueue, 'slow-a', 4)
    expect(startedOf('slow-b')).toBe(4)
  })

  it('comes to every subscription, though many more wait than may be in flight', () => {
    const { fairQueue, started } = fairQueueOf(64)
    for (let number = 0; number < 1000; number += 1) fill(fairQueue, `new${number}-`, 2)
    for (let at = 0; at < started.length; at += 1) {
      answer(fairQueue, (started[at] as string).slice(0, -1), 1)
    }
    expect(new Set(started).size).toBe(2000)
    expect([fairQueue.inFlight, fairQueue.waiting]).toEqual([0, 0])
  })

  it('lets queues take turns', () => {
    const { fairQueue, started } = fairQueueOf(1)
    fill(fairQueue, 'a', 3)
    fill(fairQueue, 'b', 2)
    for (let ended = 0; ended < 4; ended += 1) answer(fairQueue, (started.at(-1) as string)[0] as string, 1)
    expect(started).toEqual(['a1', 'a2', 'b1', 'a3', 'b2'])
  })

  it('puts first attempts before retries, but for one in eight', () => {
    const { fairQueue, started } = fairQueueOf(1)
    const [first, retry] = [lease('first', 0), { ...lease('first', 0, true), deliveryId: 'retry0' }]
    fairQueue.add(first)
    for (let count = 0; count < 3; count += 1) fairQueue.add(retry)
    for (let count = 0; count < 16; count += 1) fairQueue.add(first)
    answer(fairQueue, 'first', 19)
    const order = started.map((id) => (id === 'retry0' ? 'R' : '.')).join('')
    expect(order).toBe('.......R.......R...R')
  })

  it('gives back what waits', () => {
    const { fairQueue, started } = fairQueueOf(1)
    fill(fairQueue, 'a', 3)
    expect(fairQueue.withdraw(({ deliveryId }) => deliveryId === 'a2')).toEqual([lease('a', 2)])
    answer(fairQueue, 'a', 1)
    expect(started).toEqual(['a1', 'a3'])
  })

  it('starts nothing more once it is closed, and hands back what waited', () => {
    const { fairQueue, started } = fairQueueOf(1)
    fill(fairQueue, 'a', 2)
    fairQueue.add(lease('b', 1))
    expect(fairQueue.close().map(({ deliveryId }) => deliveryId)).toEqual(['a2', 'b1'])
    answer(fairQueue, 'a', 1)
    expect(started).toEqual(['a1'])
    expect([fairQueue.inFlight, fairQueue.waiting]).toEqual([0, 0])
  })

  describe('of tenants', () => {
    it('gives each tenant a turn, however many subscriptions it has, and each of these one in its turn', () => {
      const { fairQueue, started } = fairQueueOf(1)
      for (const name of ['a@one-', 'b@one-', 'c@one-', 'd@two-', 'own-']) fill(fairQueue, name, 2)
      for (let ended = 0; ended < 9; ended += 1) answer(fairQueue, (started.at(-1) as string).slice(0, -1), 1)
      expect(started.map((id) => id[0]).join('')).toBe('aadobdocbc')
    })

    it('gives a tenant half of the slots at most, and two a third each', () => {
      const { fairQueue, startedOf } = fairQueueOf(60)
      for (let number = 0; number < 50; number += 1) fill(fairQueue, `new${number}@one-`, 5)
      expect(fairQueue.inFlight).toBe(30)
      for (let number = 0; number < 50; number += 1) fill(fairQueue, `other${number}@two-`, 5)
      expect(startedOf('other')).toBe(15)
      for (let ended = 0; ended < 20; ended += 1) answer(fairQueue, `new${ended % 10}@one-`, 1)
      expect(fairQueue.inFlight).toBe(40)
    })

    it('goes on with a tenant that held its share when others free theirs', () => {
      const { fairQueue, startedOf } = fairQueueOf(16)
      for (let number = 0; number < 8; number += 1) fill(fairQueue, `slow${number}-`, 1)
      for (let number = 0; number < 8; number += 1) fill(fairQueue, `many${number}@one-`, 2)
      expect(startedOf('many')).toBe(4)
      for (let number = 0; number < 8; number += 1) answer(fairQueue, `slow${number}-`, 1)
      expect(startedOf('many')).toBe(8)
    })

    it('has enough of a tenant when its subscriptions together wait as much as one may', () => {
      const { fairQueue } = fairQueueOf(1)
      fill(fairQueue, 'own', 1)
      for (let number = 0; number < 250; number += 1) fill(fairQueue, `many${number}@one-`, 3)
      expect(fairQueue.saturated()).toEqual([])
      for (let number = 0; number < 250; number += 1) fill(fairQueue, `many${number}@one-`, 1)
      fill(fairQueue, 'few@two', 7)
      expect(fairQueue.saturated()).toHaveLength(250)
    })

    it('forgets a tenant of which nothing is left', () => {
      const { fairQueue, started } = fairQueueOf(2)
      fill(fairQueue, 'a@one-', 3)
      fairQueue.withdraw(({ deliveryId }) => deliveryId !== 'a@one-1')
      answer(fairQueue, 'a@one-', 1)
      fill(fairQueue, 'b@one-', 1)
      expect([fairQueue.waiting, fairQueue.inFlight, started]).toEqual([0, 1, ['a@one-1', 'b@one-1']])
    })
  })
})
