/**
 * The time of the database's clock. Every stored, compared and signed time comes from it, in each process, whatever the
 * clock of the process says.
 *
 * The clock is measured at intervals, as by NTP (RFC 5905 §8): the database's answer was true at some moment between
 * request and answer. In between, time passes by the monotonic clock of the process, which can't be set.
 */

import { createPoller } from './poller.js'
import type { Database, Statement } from './postgres/database.js'

export interface Clock {
  now(): Date
  /** Whole Unix milliseconds, as of `Date.now()`. */
  nowMs(): number
}

/** The clock of this process, compared with the database's. */
export interface ClockState {
  /** `off` when they differ by so much that an operator should correct the machine's clock. */
  status: 'ok' | 'off'
  /** How far this process's clock is ahead; negative when it is behind. */
  offsetMs: number
}

export interface DatabaseClock extends Clock, AsyncDisposable {
  readonly state: ClockState
}

export interface DatabaseClockOptions {
  database: Pick<Database, 'query'>
  /** Called whenever `status` changes, and at the start if it is `off`. */
  onChange(state: ClockState): void
}

const SECOND_MS = 1000
/** Between two measurements. Monotonic clocks then differ by a few milliseconds at most (500 ppm). */
const ASK_EVERY_MS = 10 * SECOND_MS
/** How often the clock checks whether the machine's clock was set, or the machine was asleep. */
const LOOK_EVERY_MS = SECOND_MS
/** A change of the difference between the machine's two clocks that drift can't explain. */
const JUMP_MS = 50
/** The number of readings, of which the fastest is used. */
const QUESTIONS = 5
/** Two thresholds, so that a clock near one of them doesn't fill the log. */
const OFF_ABOVE_MS = 2 * SECOND_MS
const RIGHT_BELOW_MS = SECOND_MS

const askTime: Statement = {
  name: 'ask-time',
  text: `select extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
}

interface AskTimeRow {
  nowMs: number
}

/** One reading of the database's clock. */
interface Reading {
  /** The database's time when `performance.now()` was 0. */
  originMs: number
  /** The largest error in either direction: half of the round trip. */
  marginMs: number
}

/** Resolves after the first measurement. @throws DatabaseUnavailableError */
export async function createDatabaseClock({
  database,
  onChange,
}: DatabaseClockOptions): Promise<DatabaseClock> {
  let originMs = Number.NaN
  let status: ClockState['status'] = 'ok'
  let nextAskAt = 0
  let localOriginMs = 0

  const nowMs = () => Math.floor(originMs + performance.now())
  const state = (): ClockState => ({ status, offsetMs: Date.now() - nowMs() })

  async function read(): Promise<Reading> {
    const askedAt = performance.now()
    const [row] = await database.query<AskTimeRow>(askTime, [])
    const marginMs = (performance.now() - askedAt) / 2
    return { originMs: (row?.nowMs ?? Number.NaN) - askedAt - marginMs, marginMs }
  }

  /** The current time is kept unless a reading contradicts it, so that it changes only for a reason. */
  const contradicts = (reading: Reading) => !(Math.abs(reading.originMs - originMs) <= reading.marginMs)

  async function measure(): Promise<void> {
    let best = await read()
    if (!contradicts(best)) return
    for (let asked = 1; asked < QUESTIONS; asked += 1) {
      const reading = await read()
      if (reading.marginMs < best.marginMs) best = reading
    }
    if (contradicts(best)) originMs = best.originMs
  }

  function updateStatus(): void {
    const distanceMs = Math.abs(state().offsetMs)
    const before = status
    if (distanceMs > OFF_ABOVE_MS) status = 'off'
    else if (distanceMs < RIGHT_BELOW_MS) status = 'ok'
    if (status !== before) onChange(state())
  }

  /** The machine's clock was set, or the machine slept, during which its monotonic clock stands still. */
  const hasJumped = () => Math.abs(readLocalOriginMs() - localOriginMs) > JUMP_MS

  async function look(): Promise<boolean> {
    if (performance.now() < nextAskAt && !hasJumped()) return false
    const local = readLocalOriginMs()
    await measure()
    localOriginMs = local
    nextAskAt = performance.now() + ASK_EVERY_MS
    updateStatus()
    return false
  }

  await look()
  // While the database is away, time goes on by the monotonic clock. Other parts report that it is away.
  const looks = createPoller({ run: look, intervalMs: LOOK_EVERY_MS, onError: () => {} })
  looks.start()
  return {
    now: () => new Date(nowMs()),
    nowMs,
    get state() {
      return state()
    },
    [Symbol.asyncDispose]: () => looks[Symbol.asyncDispose](),
  }
}

/** The machine's time when `performance.now()` was 0, by its present clock. */
const readLocalOriginMs = (): number => Date.now() - performance.now()
