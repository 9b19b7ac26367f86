/** The gate against regressions: what it takes for noise, and what not. */
import { describe, expect, it } from 'vitest'
import { compare, judge } from '../../bench/gate.js'
import { type MainFigures, pickMainFigures, type Ratio, ratiosOf } from '../../bench/main-figures.js'
import { LEAST_ROUNDS, readRelease } from '../../bench/release.js'
import { scenarios } from '../../bench/scenarios.js'

const rate = (...values: number[]): Ratio => ({ name: 'rate', isBetterWhen: 'more', values })
const latency = (...values: number[]): Ratio => ({ name: 'latency', isBetterWhen: 'less', values })
const isRegression = (released: Ratio, measured: Ratio) =>
  compare([released], [measured]).map((verdict) => verdict.isRegression)

describe('a rate', () => {
  const released = rate(1.8, 1.9, 1.6, 2, 1.7)
  // The median is 1.8, and half of the rounds are within the factor 1.06 of it.
  it.each([
    [2.5, false],
    [1.8, false],
    [1.46, false],
    [1.45, true],
  ])('that was 1.6 to 2 and is %f', (now, expected) => {
    expect(isRegression(released, rate(now))).toEqual([expected])
  })

  it('is judged by its median', () => {
    expect(isRegression(released, rate(1, 1.8, 1.9))).toEqual([false])
    expect(isRegression(released, rate(1, 1.1, 1.9))).toEqual([true])
  })
})

describe('a latency', () => {
  const released = latency(1.5, 2, 3)
  it.each([
    [0.5, false],
    [5.8, false],
    [5.9, true],
  ])('that was 1.5 to 3 and is %f', (now, expected) => {
    expect(isRegression(released, latency(now))).toEqual([expected])
  })
})

it('one round in which the machine stalled is not taken for the noise', () => {
  expect(isRegression(rate(2, 2.1, 1.9, 2.2, 0.1), rate(1.4))).toEqual([true])
  expect(isRegression(rate(2, 2.1, 1.9, 2.2, 0.1), rate(1.7))).toEqual([false])
})

it('rounds that agree by chance leave some noise', () => {
  expect(isRegression(rate(2, 2, 2), rate(1.95))).toEqual([false])
  expect(isRegression(rate(2, 2, 2), rate(1.9))).toEqual([true])
})

describe('a run', () => {
  it('that is worse fails with a sentence that says where', () => {
    const { passes, text } = judge(compare([rate(2, 2, 2)], [rate(1)]), '1.0.0')
    expect(passes).toBe(false)
    expect(text).toBe(
      'Worse than version 1.0.0 by more than its noise: rate was 2.00 and is 1.00, beyond 1.90.',
    )
  })

  it('that is not worse passes', () => {
    expect(judge(compare([rate(2, 2, 2)], [rate(2)]), '1.0.0').passes).toBe(true)
  })

  it('that shares nothing with the release fails', () => {
    expect(judge(compare([rate(2, 2, 2)], [latency(2)]), '1.0.0').passes).toBe(false)
  })
})

it('a run that loses webhooks fails, however fast it is', () => {
  const { passes, text } = judge(compare([rate(2, 2, 2)], [rate(3)]), '1.0.0', 1)
  expect([passes, text]).toEqual([false, 'Webhooks were lost: 1.'])
})

describe('ratios', () => {
  const apart = scenarios.filter(({ group }) => group === 'apart')

  it('are those of each round, to the references of the same turns', () => {
    const rounds = (...rates: number[]) =>
      rates.map((deliveredPerSecond) => ({ deliveredPerSecond, 'cpu.all': 0.5, lost: 0 }))
    const runs = new Map([
      ['throughput', { bare: rounds(8000, 4000), naive: rounds(2000, 1000), service: rounds(4000, 1000) }],
      ['apart-throughput', { service: rounds(1000, 500) }],
    ])
    const measured = pickMainFigures(apart, runs)
    expect(measured.throughput?.service).toEqual({ deliveredPerSecond: [4000, 1000], 'cpu.all': [0.5, 0.5] })
    expect(ratiosOf(apart, measured).map(({ name, values }) => [name, values])).toEqual([
      ['throughput: delivered /s ÷ bare', [0.5, 0.25]],
      ['throughput: delivered /s ÷ naive', [2, 1]],
      ['throughput: CPU an event ÷ bare', [1, 1]],
      ['throughput: CPU an event ÷ naive', [1, 1]],
      ['apart-throughput: delivered /s ÷ bare', [0.125, 0.125]],
      ['apart-throughput: delivered /s ÷ naive', [0.5, 0.5]],
      ['apart-throughput: CPU an event ÷ bare', [1, 1]],
      ['apart-throughput: CPU an event ÷ naive', [1, 1]],
    ])
  })

  it('are better when they are less where they are of latencies', () => {
    const relay = (ms: number) => ({ 'arrival.p50': [ms], 'arrival.p99': [ms] })
    const measured: MainFigures = { latency: { bare: relay(1), naive: relay(2), service: relay(3) } }
    expect(ratiosOf(apart, measured)).toContainEqual({
      name: 'latency: POST to receiver p99 ÷ naive',
      isBetterWhen: 'less',
      values: [1.5],
    })
  })

  it('are none where the references ran at another time', () => {
    const well = scenarios.filter(({ name }) => name === 'throughput' || name === 'well')
    const rounds = { naive: [{ deliveredPerSecond: 1 }], service: [{ deliveredPerSecond: 2 }] }
    const measured = pickMainFigures(
      well,
      new Map([
        ['throughput', rounds],
        ['well', rounds],
      ]),
    )
    expect(Object.keys(measured)).toEqual(['throughput'])
  })
})

it('the release was measured often enough to know its noise', () => {
  const { measured } = readRelease()
  const ratios = ratiosOf(scenarios, measured)
  expect(ratios.length).toBeGreaterThan(0)
  for (const { name, values } of ratios) {
    expect([name, values.length >= LEAST_ROUNDS]).toEqual([name, true])
    expect([name, values.every((value) => value > 0)]).toEqual([name, true])
  }
})
