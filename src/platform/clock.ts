/**
 * The time by the database's clock: the one that everything is stored with, compared by and told in, whichever process
 * does so and whatever its own clock says.
 *
 * The database isn't asked whenever the time is needed. It is asked once in a while, as NTP asks (RFC 5905 §8): its
 * answer was true at some moment between question and answer. From then on time passes by the process's monotonic
 * clock, which nobody can set.
 */

import { createPoller } from './poller.js'
import type { Database, Statement } from './postgres/database.js'

export interface Clock {
  now(): Date
  /** Unix milliseconds, whole ones, as `Date.now()` says them. */
  nowMs(): number
}

/** How the clock of this process stands to the database's. */
export interface ClockState {
  /** `off` when they differ by more than a person should leave them. */
  status: 'ok' | 'off'
  /** How far this process's clock is ahead; negative when it is behind. */
  offsetMs: number
}

export interface DatabaseClock extends Clock, AsyncDisposable {
  readonly state: ClockState
}

export interface DatabaseClockOptions {
  database: Pick<Database, 'query'>
  /** Told whenever `status` changes, and once at the start where it is `off`. */
  onChange(state: ClockState): void
}

const SECOND_MS = 1000
/** Between two questions. By then monotonic clocks have drifted apart by a few milliseconds at most (500 ppm). */
const ASK_EVERY_MS = 10 * SECOND_MS
/** How soon it is noticed that the machine's clock was set, or that the machine was asleep. */
const LOOK_EVERY_MS = SECOND_MS
/** A difference between the machine's two clocks, since they were last compared, that no drift makes in that time. */
const JUMP_MS = 50
/** Of so many answers the one that took the least time is believed. */
const QUESTIONS = 5
/** A clock counts as off from here on, and as right again below: one that wavers shouldn't fill the log. */
const OFF_ABOVE_MS = 2 * SECOND_MS
const RIGHT_BELOW_MS = SECOND_MS

const askTime: Statement = {
  name: 'ask-time',
  text: `select extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs"`,
}

interface AskTimeRow {
  nowMs: number
}

/** An answer of the database. */
interface Reading {
  /** What its clock showed when `performance.now()` was 0. */
  originMs: number
  /** How far that may be wrong, either way: half of what the question and its answer took. */
  marginMs: number
}

/** Resolves once the database was asked. @throws DatabaseUnavailableError */
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

  /** What doesn't contradict an answer is kept, so that the time is only ever moved for a reason. */
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

  /** The machine's clock was set, or it slept, through which its monotonic clock stands still. */
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
  // While the database is away, which others tell of, time goes on as it did.
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

/** What the machine's clock showed when `performance.now()` was 0, as it would say now. */
const readLocalOriginMs = (): number => Date.now() - performance.now()
