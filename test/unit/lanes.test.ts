import { describe, expect, it } from 'vitest'
import { createLanes, type Lanes } from '../../src/delivery-engine/lanes.js'
import type { Lease } from '../../src/delivery-engine/lease.js'

const lease = (subscriptionId: string, number: number, isRetry = false): Lease => ({
  deliveryId: `${subscriptionId}${number}`,
  subscriptionId,
  queuedUntil: '',
  isRetry,
  isPaced: false,
})

function lanesOf(maxInFlight: number, maxInFlightPerLane = maxInFlight) {
  const started: string[] = []
  const lanes = createLanes({
    ...{ maxInFlight, maxInFlightPerLane },
    isAnswering: (subscriptionId) => subscriptionId.startsWith('good'),
    start: ({ deliveryId }) => void started.push(deliveryId),
  })
  const startedOf = (lane: string) => started.filter((id) => id.startsWith(lane)).length
  return { lanes, started, startedOf }
}

function fill(lanes: Lanes, lane: string, count: number): void {
  for (let number = 1; number <= count; number += 1) lanes.add(lease(lane, number))
}

/** Ends what a lane has in flight, so many times one after the other. */
function answer(lanes: Lanes, lane: string, times: number, isAnswered = true): void {
  for (let count = 0; count < times; count += 1) lanes.ended(lease(lane, 1), isAnswered)
}

describe('createLanes', () => {
  it('gives a lane that is alone and answers a quarter of the slots', () => {
    const { lanes } = lanesOf(512)
    fill(lanes, 'a', 1000)
    answer(lanes, 'a', 500)
    expect([lanes.inFlight, lanes.waiting]).toEqual([128, 372])
  })

  it('starts slowly, and with each answer one more', () => {
    const { lanes, started } = lanesOf(512)
    fill(lanes, 'a', 500)
    expect(started).toHaveLength(8)
    answer(lanes, 'a', 3)
    expect(lanes.inFlight).toBe(11)
  })

  it('does not grow a window that is not used, nor by what was not answered', () => {
    const { lanes } = lanesOf(512)
    fill(lanes, 'a', 8)
    answer(lanes, 'a', 8)
    fill(lanes, 'a', 100)
    expect(lanes.inFlight).toBe(8)
    answer(lanes, 'a', 8, false)
    expect(lanes.inFlight).toBe(8)
    answer(lanes, 'a', 32)
    expect(lanes.inFlight).toBe(40)
    answer(lanes, 'a', 1, false)
    expect(lanes.inFlight).toBe(39)
    answer(lanes, 'a', 19)
    expect(lanes.inFlight).toBe(20)
  })

  it('leaves slots for others, however many of those that answered before hang together', () => {
    const { lanes, startedOf } = lanesOf(512)
    for (let number = 0; number < 50; number += 1) fill(lanes, `good${number}-`, 500)
    expect(lanes.inFlight).toBe(400)
    fill(lanes, 'new', 500)
    expect(startedOf('new')).toBe(8)
  })

  it('keeps the last eighth for those that have answered lately, however many others there are', () => {
    const { lanes, startedOf } = lanesOf(512)
    for (let number = 0; number < 1000; number += 1) fill(lanes, `new${number}-`, 10)
    expect(lanes.inFlight).toBe(448)
    fill(lanes, 'good', 10)
    expect(startedOf('good')).toBe(8)
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
    answer(lanes, 'a', 4)
    expect(startedOf('b')).toBe(4)
  })

  it('comes to every lane, though many more wait than may be in flight', () => {
    const { lanes, started } = lanesOf(64)
    for (let number = 0; number < 1000; number += 1) fill(lanes, `new${number}-`, 2)
    for (let at = 0; at < started.length; at += 1) {
      answer(lanes, (started[at] as string).slice(0, -1), 1)
    }
    expect(new Set(started).size).toBe(2000)
    expect([lanes.inFlight, lanes.waiting]).toEqual([0, 0])
  })

  it('lets lanes take turns', () => {
    const { lanes, started } = lanesOf(1)
    fill(lanes, 'a', 3)
    fill(lanes, 'b', 2)
    for (let ended = 0; ended < 4; ended += 1) answer(lanes, (started.at(-1) as string)[0] as string, 1)
    expect(started).toEqual(['a1', 'a2', 'b1', 'a3', 'b2'])
  })

  it('puts first attempts before retries, but for one in eight', () => {
    const { lanes, started } = lanesOf(1)
    const [first, retry] = [lease('first', 0), { ...lease('first', 0, true), deliveryId: 'retry0' }]
    lanes.add(first)
    for (let count = 0; count < 3; count += 1) lanes.add(retry)
    for (let count = 0; count < 16; count += 1) lanes.add(first)
    answer(lanes, 'first', 19)
    const order = started.map((id) => (id === 'retry0' ? 'R' : '.')).join('')
    expect(order).toBe('.......R.......R...R')
  })

  it('gives back what waits', () => {
    const { lanes, started } = lanesOf(1)
    fill(lanes, 'a', 3)
    expect(lanes.withdraw(({ deliveryId }) => deliveryId === 'a2')).toEqual([lease('a', 2)])
    answer(lanes, 'a', 1)
    expect(started).toEqual(['a1', 'a3'])
  })

  it('starts nothing more once it is closed, and hands back what waited', () => {
    const { lanes, started } = lanesOf(1)
    fill(lanes, 'a', 2)
    lanes.add(lease('b', 1))
    expect(lanes.close().map(({ deliveryId }) => deliveryId)).toEqual(['a2', 'b1'])
    answer(lanes, 'a', 1)
    expect(started).toEqual(['a1'])
    expect([lanes.inFlight, lanes.waiting]).toEqual([0, 0])
  })
})
