import { describe, expect, it } from 'vitest'
import { createLanes } from '../../src/delivery-engine/lanes.js'
import type { Lease } from '../../src/delivery-engine/lease.js'

const lease = (subscriptionId: string, number: number, isRetry = false): Lease => ({
  deliveryId: `${subscriptionId}${number}`,
  subscriptionId,
  queuedUntil: '',
  isRetry,
})

function lanesOf(maxInFlight: number, maxInFlightPerLane = maxInFlight) {
  const started: string[] = []
  const lanes = createLanes({
    ...{ maxInFlight, maxInFlightPerLane },
    isSlow: (subscriptionId) => subscriptionId.startsWith('slow'),
    start: ({ deliveryId }) => void started.push(deliveryId),
  })
  const startedOf = (lane: string) => started.filter((id) => id.startsWith(lane)).length
  return { lanes, started, startedOf }
}

function fill(lanes: ReturnType<typeof createLanes>, lane: string, count: number): void {
  for (let number = 1; number <= count; number += 1) lanes.add(lease(lane, number))
}

describe('createLanes', () => {
  it('gives a lane that is alone a quarter of the slots', () => {
    const { lanes, started } = lanesOf(512)
    fill(lanes, 'a', 500)
    expect(started).toHaveLength(128)
    lanes.ended(lease('a', 1))
    expect(started).toHaveLength(129)
    expect([lanes.inFlight, lanes.waiting]).toEqual([128, 371])
  })

  it('keeps the last eighth free for those that answer, however many hang', () => {
    const { lanes, startedOf } = lanesOf(512)
    for (let number = 0; number < 40; number += 1) fill(lanes, `slow${number}-`, 500)
    expect(lanes.inFlight).toBe(448)
    lanes.add(lease('good', 1))
    expect(startedOf('good')).toBe(1)
  })

  it('starts as many as a setting allows, where that is fewer', () => {
    const { lanes, started } = lanesOf(512, 3)
    fill(lanes, 'a', 10)
    expect(started).toEqual(['a1', 'a2', 'a3'])
  })

  it('goes on with a lane that held its share when others free theirs', () => {
    const { lanes, startedOf } = lanesOf(16)
    fill(lanes, 'a', 4)
    fill(lanes, 'b', 20)
    expect([startedOf('a'), startedOf('b')]).toEqual([4, 3])
    for (let number = 1; number <= 4; number += 1) lanes.ended(lease('a', number))
    expect(startedOf('b')).toBe(4)
  })

  it('lets lanes take turns', () => {
    const { lanes, started } = lanesOf(1)
    fill(lanes, 'a', 3)
    fill(lanes, 'b', 2)
    for (let ended = 0; ended < 4; ended += 1) {
      const last = started.at(-1) as string
      lanes.ended(lease(last[0] as string, Number(last[1])))
    }
    expect(started).toEqual(['a1', 'a2', 'b1', 'a3', 'b2'])
  })

  it('puts first attempts before retries, but for one in eight', () => {
    const { lanes, started } = lanesOf(1)
    const [first, retry] = [lease('first', 0), { ...lease('first', 0, true), deliveryId: 'retry0' }]
    lanes.add(first)
    for (let count = 0; count < 3; count += 1) lanes.add(retry)
    for (let count = 0; count < 16; count += 1) lanes.add(first)
    for (let ended = 0; ended < 19; ended += 1) lanes.ended(first)
    const order = started.map((id) => (id === 'retry0' ? 'R' : '.')).join('')
    expect(order).toBe('.......R.......R...R')
  })

  it('gives back what waits', () => {
    const { lanes, started } = lanesOf(1)
    fill(lanes, 'a', 3)
    expect(lanes.withdraw(({ deliveryId }) => deliveryId === 'a2')).toEqual([lease('a', 2)])
    lanes.ended(lease('a', 1))
    expect(started).toEqual(['a1', 'a3'])
  })

  it('starts nothing more once it is closed, and hands back what waited', () => {
    const { lanes, started } = lanesOf(1)
    fill(lanes, 'a', 2)
    lanes.add(lease('b', 1))
    expect(lanes.close().map(({ deliveryId }) => deliveryId)).toEqual(['a2', 'b1'])
    lanes.ended(lease('a', 1))
    expect(started).toEqual(['a1'])
    expect([lanes.inFlight, lanes.waiting]).toEqual([0, 0])
  })
})
