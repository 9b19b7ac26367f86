import { describe, expect, it } from 'vitest'
import { createLanes } from '../../src/delivery-engine/lanes.js'
import type { Lease } from '../../src/delivery-engine/lease.js'

const lease = (subscriptionId: string, number: number): Lease => ({
  deliveryId: `${subscriptionId}${number}`,
  subscriptionId,
  queuedUntil: '',
})

function lanesOf(maxInFlight: number, maxInFlightPerLane: number) {
  const started: string[] = []
  const lanes = createLanes({
    ...{ maxInFlight, maxInFlightPerLane },
    start: ({ deliveryId }) => void started.push(deliveryId),
  })
  return { lanes, started }
}

describe('createLanes', () => {
  it('starts at once while there is room', () => {
    const { lanes, started } = lanesOf(2, 2)
    lanes.add(lease('a', 1))
    lanes.add(lease('a', 2))
    lanes.add(lease('a', 3))
    expect(started).toEqual(['a1', 'a2'])
    expect([lanes.inFlight, lanes.waiting]).toEqual([2, 1])
    lanes.ended(lease('a', 1))
    expect(started).toEqual(['a1', 'a2', 'a3'])
  })

  it('gives a lane its share and no more, however much waits in it', () => {
    const { lanes, started } = lanesOf(10, 2)
    for (const number of [1, 2, 3, 4]) lanes.add(lease('hanging', number))
    lanes.add(lease('good', 1))
    expect(started).toEqual(['hanging1', 'hanging2', 'good1'])
    lanes.ended(lease('hanging', 1))
    expect(started.at(-1)).toBe('hanging3')
  })

  it('lets lanes take turns', () => {
    const { lanes, started } = lanesOf(1, 1)
    for (const number of [1, 2, 3]) lanes.add(lease('a', number))
    for (const number of [1, 2]) lanes.add(lease('b', number))
    for (let ended = 0; ended < 4; ended += 1) {
      const last = started.at(-1) as string
      lanes.ended(lease(last[0] as string, Number(last[1])))
    }
    expect(started).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
  })

  it('starts nothing more once it is closed, and hands back what waited', () => {
    const { lanes, started } = lanesOf(1, 1)
    for (const number of [1, 2]) lanes.add(lease('a', number))
    lanes.add(lease('b', 1))
    expect(lanes.close().map(({ deliveryId }) => deliveryId)).toEqual(['a2', 'b1'])
    lanes.ended(lease('a', 1))
    expect(started).toEqual(['a1'])
    expect([lanes.inFlight, lanes.waiting]).toEqual([0, 0])
  })
})
