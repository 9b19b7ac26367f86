import { describe, expect, it } from 'vitest'
import { explainLate, findDuplicates, LATE } from './duplicates.js'
import type { Endpoint, Received } from './endpoints.js'
import { faults } from './faults.js'
import type { Past } from './moments.js'

const request = (arrivedAt: number, status = 200): Received => ({
  arrivedAt,
  endedAt: arrivedAt + 10,
  status,
})

const endpoint = (...received: Received[]) =>
  ({ name: 'steady', received: new Map([['event', received]]) }) as unknown as Endpoint

const past = (name: string, victim: string, from: number, to = from + 100): Past => {
  const fault = faults.find((one) => one.name === name)
  if (fault === undefined) throw new Error(`There is no fault "${name}".`)
  return { fault, victim, from, to }
}

const causes = (of: Endpoint, ...faults: Past[]) =>
  [...findDuplicates([of], faults)].map(({ cause }) => cause)

describe('a webhook that came twice', () => {
  const twice = endpoint(request(10_000), request(30_000))

  it('is explained by a fault between the first request and its record, however late the second comes', () => {
    expect(causes(twice, past('worker killed', 'worker 1', 10_100))).toEqual(['worker killed'])
    expect(causes(twice, past('PostgreSQL paused', 'PostgreSQL', 8000, 14_000))).toEqual([
      'PostgreSQL paused',
    ])
  })

  it('is explained neither by a fault that was over before, nor by one that came long after', () => {
    expect(causes(twice, past('worker killed', 'worker 1', 9000))).toEqual([undefined])
    expect(causes(twice, past('worker killed', 'worker 1', 25_000))).toEqual([undefined])
  })

  it('is not explained by a fault that stands in the way of no record', () => {
    expect(causes(twice, past('Redis flushed', 'Redis', 10_000))).toEqual([undefined])
    expect(causes(twice, past('api killed', 'api 1', 10_000))).toEqual([undefined])
  })

  it('is explained by a network only if it is its own', () => {
    expect(causes(twice, past('network to an endpoint cut', 'slow', 10_000))).toEqual([undefined])
    expect(causes(twice, past('network to an endpoint cut', 'steady', 10_000))).toHaveLength(1)
  })

  it('is none if the first was refused', () => {
    expect(causes(endpoint(request(10_000, 500), request(11_000)))).toEqual([])
  })

  it('is explained by a log that knows of no answer, but only while a fault has its aftermath', () => {
    const late = (fault: Past, isUnheard: boolean) => {
      const duplicates = [...findDuplicates([endpoint(request(50_000), request(54_000))], [fault])]
      explainLate(duplicates, [fault], () => isUnheard)
      return duplicates.map(({ cause }) => cause)
    }
    expect(late(past('Redis paused', 'Redis', 10_000, 40_000), true)).toEqual([LATE])
    expect(late(past('Redis paused', 'Redis', 10_000, 40_000), false)).toEqual([undefined])
    expect(late(past('Redis paused', 'Redis', -40_000, -20_000), true)).toEqual([undefined])
  })
})
