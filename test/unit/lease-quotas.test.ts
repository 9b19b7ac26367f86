import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLeaseQuotas } from '../../src/delivery-engine/fairness/lease-quotas.js'
import { createResponsiveEndpoints } from '../../src/delivery-engine/fairness/responsive-endpoints.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

describe('createLeaseQuotas', () => {
  it('allows what a subscription gets through, once its leases had to be given back', () => {
    const leaseQuotas = createLeaseQuotas(createResponsiveEndpoints())
    for (let count = 0; count < 30; count += 1) leaseQuotas.ended('busy')
    leaseQuotas.review(['busy', 'hanging'], (id) => (id === 'busy' ? 20 : 2))
    expect(leaseQuotas.parameters(0)).toEqual([['busy', 'hanging'], [50, 10], 500])
  })

  it('doubles when all of it has ended, or little is used, until it is the usual again', () => {
    const leaseQuotas = createLeaseQuotas(createResponsiveEndpoints())
    const allowed = () => leaseQuotas.parameters(0)[1]
    leaseQuotas.review(['a'], () => 100)
    leaseQuotas.review([], () => 100)
    expect(allowed()).toEqual([100])
    for (let count = 0; count < 100; count += 1) leaseQuotas.ended('a')
    leaseQuotas.review([], () => 100)
    expect(allowed()).toEqual([200])
    leaseQuotas.review([], () => 99)
    expect(allowed()).toEqual([400])
    leaseQuotas.review([], () => 0)
    expect(allowed()).toEqual([])
  })

  it('shares out what a worker may still hold', () => {
    const leaseQuotas = createLeaseQuotas(createResponsiveEndpoints())
    leaseQuotas.review(['reduced'], () => 450)
    expect(leaseQuotas.parameters(10_000)).toEqual([['reduced'], [450], 500])
    expect(leaseQuotas.parameters(17_000)).toEqual([['reduced'], [375], 375])
  })

  it('keeps the last eighth of that for those that have answered lately', () => {
    const answering = createResponsiveEndpoints()
    const leaseQuotas = createLeaseQuotas(answering)
    answering.noteEnded('good', 10, true)
    expect(leaseQuotas.parameters(18_400)).toEqual([['good'], [200], 0])
    expect(leaseQuotas.parameters(20_000)).toEqual([['good'], [0], 0])
  })

  it('counts what was leased for as long as it may be on its way', () => {
    const leaseQuotas = createLeaseQuotas(createResponsiveEndpoints())
    leaseQuotas.leased(17_000)
    expect(leaseQuotas.parameters(0)[2]).toBe(375)
    vi.advanceTimersByTime(400)
    expect(leaseQuotas.parameters(0)[2]).toBe(375)
    vi.advanceTimersByTime(1000)
    expect(leaseQuotas.parameters(0)[2]).toBe(500)
  })
})

describe('createResponsiveEndpoints', () => {
  it('knows those that answered promptly in the last minute or two', () => {
    const endpoints = createResponsiveEndpoints()
    endpoints.noteEnded('a', 100, true)
    vi.advanceTimersByTime(59_000)
    endpoints.noteEnded('b', 100, true)
    expect(endpoints.all()).toEqual(['a', 'b'])
    vi.advanceTimersByTime(59_000)
    endpoints.noteEnded('b', 100, true)
    expect(endpoints.all().toSorted()).toEqual(['a', 'b'])
    vi.advanceTimersByTime(60_000)
    endpoints.noteEnded('c', 100, true)
    expect(['a', 'b', 'c'].map(endpoints.of)).toEqual(['unknown', 'responsive', 'responsive'])
  })

  it.each([
    ['responsive', 100, true],
    ['slow', 5000, true],
    ['hanging', 5000, false],
    // What fails at once holds no slot.
    ['unknown', 100, false],
  ] as const)('finds an endpoint %s after %i ms, answered: %s', (expected, tookMs, isAnswered) => {
    const endpoints = createResponsiveEndpoints()
    endpoints.noteEnded('a', tookMs, isAnswered)
    expect(endpoints.of('a')).toBe(expected)
    expect(endpoints.all()).toEqual(expected === 'responsive' ? ['a'] : [])
  })

  it('takes an exchange that goes on for long for hanging, unless the endpoint is known to be slow', () => {
    const endpoints = createResponsiveEndpoints()
    endpoints.noteEnded('prompt', 100, true)
    endpoints.noteEnded('slow', 5000, true)
    for (const each of ['prompt', 'slow', 'new']) endpoints.noteWaiting(each, 5000)
    expect(['prompt', 'slow', 'new'].map(endpoints.of)).toEqual(['hanging', 'slow', 'hanging'])
    endpoints.noteEnded('prompt', 100, true)
    expect(endpoints.of('prompt')).toBe('responsive')
  })
})
