/**
 * Works on replays: takes the one whose next step is due for the longest time, and makes that step. Every process that
 * delivers does this; what one leaves undone, another takes up.
 */
import { statusesOfKind } from '../model/replay.js'
import { createPoller, type Poller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { announceChanges, announceReported, changesOfRows } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { createVisibleTo } from '../tenants/visible-database.js'
import { announceReplay } from './announce.js'
import { findCandidates } from './find-candidates.js'
import { readFilter } from './input.js'
import type { CandidatePage } from './page.js'
import { deliverMissed, discardDeliveries, replayDeliveries, type StepRow } from './steps.js'
import { areBusy, putOff, type TakenReplay, takeNext } from './take.js'

/** Most deliveries of a step, so that no statement holds many locks for long. */
const MAX_MADE_AT_ONCE = 500
/** Most candidates that a step looks at. */
const MAX_FOUND_AT_ONCE = 1000
/** With a rate, a step makes what is due in this time. */
const STEP_SECONDS = 0.25
const LOOKS_EVERY_MS = 1000

export interface ReplayRunnerOptions {
  database: Database
  serviceEvents: ServiceEvents
  /** Called after a commit that made deliveries due. */
  onDue(): void
  onError(error: unknown): void
}

export function createReplayRunner({ onError, ...options }: ReplayRunnerOptions): Poller {
  const makeStep = createStep(options)
  async function run(): Promise<boolean> {
    const replay = await takeNext(options.database)
    if (replay === undefined) return false
    poller.wakeIn(Math.max(0, await makeStep(replay)))
    return true
  }
  const poller = createPoller({ run, intervalMs: LOOKS_EVERY_MS, onError })
  return poller
}

/** @returns a function that makes a step of a replay, and resolves with the ms until its next one */
function createStep({ database, serviceEvents, onDue }: Omit<ReplayRunnerOptions, 'onError'>) {
  const visibleTo = createVisibleTo(database)

  return async (replay: TakenReplay): Promise<number> => {
    const atMost = allowance(replay)
    const limit = Math.min(MAX_FOUND_AT_ONCE, atMost * 4)
    const page = await findCandidates(visibleTo(replay), { task: replay, after: replay.cursor, limit })
    const { fitting, last } = cut(page, atMost)
    const subscriptionIds = fitting.map(({ subscriptionId }) => subscriptionId)
    const isSending = replay.kind !== 'DISCARD'
    if (isSending && (await areBusy(database, subscriptionIds))) return putOff(database, replay)
    const values = [replay.id, replay.cursor, replay.takenAt, last ?? null, fitting.map(({ id }) => id)]
    return announce(replay, await database.query<StepRow>(...statementOf(replay, values)))
  }

  function announce({ kind }: TakenReplay, rows: StepRow[]): number {
    const changed = rows.filter((row) => row.kind === 'delivery' || row.kind === 'event')
    announceChanges(serviceEvents, changesOfRows(changed))
    if (changed.length > 0) onDue()
    announceReported(serviceEvents, rows)
    const moved = rows.find((row) => row.kind === 'replay')
    if (moved === undefined) return 0
    announceReplay(serviceEvents, { ...moved, kind })
    return moved.nextInMs
  }
}

/** @param values those that every statement of a step begins with */
function statementOf(replay: TakenReplay, values: unknown[]): [Statement, unknown[]] {
  if (replay.missedBy !== null) return [deliverMissed, values]
  if (replay.kind === 'DISCARD') return [discardDeliveries, values]
  const { status = statusesOfKind[replay.kind], isDiscarded = null } = readFilter(replay.filter)
  return [replayDeliveries, [...values, status, isDiscarded]]
}

const allowance = ({ ratePerSecond }: TakenReplay): number =>
  ratePerSecond === null
    ? MAX_MADE_AT_ONCE
    : Math.min(MAX_MADE_AT_ONCE, Math.max(1, Math.ceil(ratePerSecond * STEP_SECONDS)))

/** What is left out is found again by the next step, which begins behind the last one that is taken. */
function cut(page: CandidatePage, atMost: number): CandidatePage {
  if (page.fitting.length <= atMost) return page
  const fitting = page.fitting.slice(0, atMost)
  return { fitting, last: fitting.at(-1)?.id }
}
