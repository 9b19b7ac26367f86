/**
 * The gate against regressions: the ratios of a run, held against those of the last release. What is allowed is the
 * noise that the release's own rounds had.
 */
import { median } from './figures.js'
import type { Ratio } from './main-figures.js'

export interface Verdict {
  name: string
  released: number
  measured: number
  /** A worse result than this is not noise: the gate fails. */
  bound: number
  isRegression: boolean
}

/** Rounds may agree by chance: less than this is never a regression. */
const LEAST_NOISE = 1.05

/** Two and a half standard deviations, of which a median deviation is 0.67. */
const MEDIAN_DEVIATIONS = 2.5 / 0.67

/** By how much rounds differ, as a factor. One round in which the machine stalled does not count, however bad. */
function noiseOf(values: number[]): number {
  const middle = median(values)
  const deviation = median(values.map((value) => Math.abs(Math.log(value / middle))))
  return Math.max(LEAST_NOISE, Math.exp(MEDIAN_DEVIATIONS * deviation))
}

/** @returns a verdict on each ratio that both have */
export function compare(released: Ratio[], measured: Ratio[]): Verdict[] {
  return released.flatMap((before) => {
    const now = measured.find(({ name }) => name === before.name)
    if (now === undefined) return []
    const from = median(before.values)
    const to = median(now.values)
    const isMoreBetter = before.isBetterWhen === 'more'
    const bound = isMoreBetter ? from / noiseOf(before.values) : from * noiseOf(before.values)
    return [
      {
        name: before.name,
        ...{ released: from, measured: to, bound },
        isRegression: isMoreBetter ? to < bound : to > bound,
      },
    ]
  })
}

/** @param lost webhooks, of all measurements @returns the sentence that a run ends with, and whether it passes */
export function judge(verdicts: Verdict[], version: string, lost = 0): { passes: boolean; text: string } {
  if (lost > 0) return { passes: false, text: `Webhooks were lost: ${lost}.` }
  if (verdicts.length === 0)
    return { passes: false, text: `Nothing of this run can be compared with version ${version}.` }
  const worse = verdicts.filter(({ isRegression }) => isRegression)
  if (worse.length === 0)
    return { passes: true, text: `No ratio is worse than in version ${version} by more than its noise.` }
  const named = worse.map(
    ({ name, released, measured, bound }) =>
      `${name} was ${released.toFixed(2)} and is ${measured.toFixed(2)}, beyond ${bound.toFixed(2)}`,
  )
  return {
    passes: false,
    text: `Worse than version ${version} by more than its noise: ${named.join('; ')}.`,
  }
}

export function printVerdicts(verdicts: Verdict[]): void {
  console.log('\nagainst the last release')
  for (const { name, released, measured, bound, isRegression } of verdicts) {
    const numbers = [released, measured, bound].map((value) => value.toFixed(2).padStart(8)).join('')
    console.log(`${isRegression ? ' ✗' : ' ✓'} ${name.padEnd(56)}${numbers}`)
  }
}
