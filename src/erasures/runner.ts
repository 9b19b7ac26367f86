/**
 * Works on erasures: takes the one whose next step is due for the longest time, and makes that step. Every process that
 * delivers does this; what one leaves undone, another takes up.
 */
import { createPoller, type Poller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import { NIL_UUID } from '../platform/uuid.js'
import { announceChanges, type ChangedEventRow, changesOfRows } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { type EventPage, findEvents, isUndispatched } from './page.js'
import { eraseEvents } from './steps.js'
import { type TakenErasure, takeNext } from './take.js'

const LOOKS_EVERY_MS = 1000

export interface ErasureRunnerOptions {
  database: Database
  serviceEvents: ServiceEvents
  onError(error: unknown): void
}

export function createErasureRunner({ database, serviceEvents, onError }: ErasureRunnerOptions): Poller {
  let tookMs = 0

  async function run(): Promise<false> {
    const startedAt = performance.now()
    try {
      const erasure = await takeNext(database)
      if (erasure === undefined) return false
      await makeStep(erasure)
      poller.wake()
      return false
    } finally {
      tookMs = performance.now() - startedAt
    }
  }

  async function makeStep(erasure: TakenErasure): Promise<void> {
    const { page, rests } = await nextPage(erasure)
    const { id, cursor, isListed } = erasure
    const values = [id, cursor, isListed, page.last ?? null, page.ids, rests]
    const erased = await database.query<ChangedEventRow>(eraseEvents, values)
    announceChanges(serviceEvents, changesOfRows(erased))
  }

  /** What the step looks at, and whether the next one has time. */
  async function nextPage(erasure: TakenErasure): Promise<{ page: EventPage; rests: boolean }> {
    const { subscriptionId, cursor, isListed } = erasure
    const isFirst = !isListed && cursor === NIL_UUID
    if (isFirst && subscriptionId !== null && (await isUndispatched(database, erasure)))
      return { page: { ids: [], last: cursor }, rests: true }
    const page = await findEvents(database, erasure)
    return { page, rests: isListed && (page.ids.length === 0 || page.last === undefined) }
  }

  // It takes no more than half of one connection's time.
  const poller = createPoller({ run, intervalMs: LOOKS_EVERY_MS, restMs: () => tookMs, onError })
  return poller
}
