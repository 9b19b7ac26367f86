/** The figures of the last release, `release.json`: of a real run, never written by hand. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { version } from '../src/platform/version.js'
import type { BenchOptions } from './bench.js'
import type { MainFigures } from './main-figures.js'

export interface Release {
  version: string
  /** The day of the run. */
  date: string
  machine: { cpus: number; model: string; node: string }
  how: Pick<BenchOptions, 'mode' | 'processes' | 'seconds' | 'warmUpSeconds' | 'ratePerSecond'>
  /** How many cores were busy with other things, at the median: on a busy machine the noise is large. */
  otherCores: number
  measured: MainFigures
}

const FILE = fileURLToPath(new URL('release.json', import.meta.url))

export const readRelease = (): Release => JSON.parse(readFileSync(FILE, 'utf8'))

/** Fewer rounds tell nothing of the noise. */
export const LEAST_ROUNDS = 3

export function saveRelease(options: BenchOptions, measured: MainFigures, otherCores: number): void {
  const { mode, processes, seconds, warmUpSeconds, ratePerSecond } = options
  const release: Release = {
    version,
    date: new Date().toISOString().slice(0, '2026-01-31'.length),
    machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version },
    how: { mode, processes, seconds, warmUpSeconds, ratePerSecond },
    otherCores,
    measured,
  }
  // The rounds of a figure on one line.
  const text = JSON.stringify(release, round, 2).replace(/\[[^[\]]*\]/g, (rounds) =>
    rounds.replace(/\s+/g, ' '),
  )
  writeFileSync(FILE, `${text}\n`)
}

/** No figure has more than four digits that mean something. */
const round = (_name: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value
