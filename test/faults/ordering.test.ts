import { describe, expect, it } from 'vitest'
import type { Endpoint, Received } from './endpoints.js'
import { faults } from './faults.js'
import type { Past } from './moments.js'
import { checkOrders } from './ordering.js'

const request = (arrivedAt: number, status = 200, tookMs = 10): Received => ({
  ...{ arrivedAt, status },
  endedAt: arrivedAt + tookMs,
})

const fault = faults.find(({ name }) => name === 'network to an endpoint slow') as Past['fault']
const slow = (victim: string): Past => ({ fault, victim, from: 0, to: 1000 })

function judge(
  received: Record<string, Received[]>,
  dead: string[] = [],
  { past = [], isOrdered = true }: { past?: Past[]; isOrdered?: boolean } = {},
) {
  const endpoint = { name: 'orderly', isOrdered, received: new Map(Object.entries(received)) }
  const out: string[] = []
  const figures = checkOrders(
    [endpoint as unknown as Endpoint],
    [['key', ['first', 'second', 'third']]],
    (eventId) => (dead.includes(eventId) ? 'DEAD' : 'SENT'),
    past,
    (promise, id) => void out.push(`${promise} ${id}`),
  )
  return { out, figures }
}

describe('the order of a key', () => {
  it('is kept by events that come one after the other, which counts each pair', () => {
    const { out, figures } = judge({
      ...{ first: [request(0, 500), request(20)], second: [request(40)], third: [request(60)] },
    })
    expect(out).toEqual([])
    expect(figures).toEqual({ neighbours: 2, pairs: 3, afterDead: 0, excused: 0 })
  })

  it('is broken by one that comes before the answer to the one before, or before a retry of it', () => {
    expect(judge({ first: [request(0)], second: [request(5)] }).out).toEqual(['order second'])
    expect(judge({ first: [request(0, 500), request(40)], second: [request(20)] }).out).toEqual([
      'order second',
    ])
  })

  it('is broken by one that comes before another than its neighbour', () => {
    const received = { first: [request(0), request(30)], second: [request(100)], third: [request(50)] }
    expect(judge(received).out).toEqual(['order third'])
    const third = { first: [request(100)], second: [request(0)], third: [request(50)] }
    expect(judge(third).out).toEqual(['order second', 'order third'])
  })

  it('is kept by one that comes after the last attempt of one that is DEAD, and not before', () => {
    const received = { first: [request(0, 500), request(40, 500)] }
    const kept = judge({ ...received, second: [request(60)] }, ['first'])
    expect([kept.out, kept.figures.afterDead]).toEqual([[], 1])
    expect(judge({ ...received, second: [request(20)] }, ['first']).out).toEqual(['order second'])
  })

  it('is kept where one that was taken comes again', () =>
    expect(judge({ first: [request(0), request(90)], second: [request(40)] }).out).toEqual([]))

  it('is kept where its network held up a last attempt', () => {
    const received = { first: [request(0, 500), request(40, 500)], second: [request(20)] }
    const excused = judge(received, ['first'], { past: [slow('orderly')] })
    expect([excused.out, excused.figures.excused]).toEqual([[], 1])
    expect(judge(received, ['first'], { past: [slow('other')] }).out).toEqual(['order second'])
  })

  it('is none where the subscription is not ordered', () => {
    const { out, figures } = judge({ first: [request(10)], second: [request(5)] }, [], { isOrdered: false })
    expect([out, figures.pairs]).toEqual([[], 0])
  })
})
