/**
 * Retention: removes events that were finished longer ago than they are to be kept. It walks from the oldest to the
 * newest that may go, in small batches with rests between them, and begins again an hour after it was through. Any
 * number of processes may do so: one batch runs at a time.
 */

import { createPoller, type Poller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { Batch, BatchResult } from './batch.js'
import { removeFinished } from './remove.js'

export interface RetentionOptions {
  database: Database
  serviceEvents: ServiceEvents
  days: number
  /** What removes a batch: of events, unless given. Undefined while another process is at it. */
  remove?: (database: Database, batch: Batch) => Promise<BatchResult | undefined>
  onError(error: unknown): void
  batchSize?: number
  /** From the end of a walk to the beginning of the next. */
  intervalMs?: number
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
export const BATCH_SIZE = 500
/** After a batch it rests this many times as long: no more than a quarter of one connection's time is taken. */
export const RESTS = 3
/** For how long it leaves the field to another process that is at it. */
export const BUSY_MS = 1000

export function createRetention(options: RetentionOptions): Poller {
  const { database, serviceEvents, days, remove = removeFinished, onError } = options
  const { batchSize = BATCH_SIZE, intervalMs = HOUR_MS } = options
  let after: string | undefined
  let tookMs = 0

  async function run(): Promise<false> {
    const startedAt = performance.now()
    try {
      const removed = await remove(database, { days, after, limit: batchSize })
      if (removed === undefined) poller.wakeIn(BUSY_MS)
      else {
        const { events, deliveries, logs, payloads = 0 } = removed
        if (events + logs + payloads > 0)
          serviceEvents.emit('removed', { events, deliveries, logs, payloads })
        after = removed.isEnd ? undefined : removed.last
        if (!removed.isEnd) poller.wake()
      }
      return false
    } catch (error) {
      poller.wakeIn(MINUTE_MS)
      throw error
    } finally {
      tookMs = performance.now() - startedAt
    }
  }

  const poller = createPoller({ run, intervalMs, restMs: () => RESTS * tookMs, onError })
  return poller
}
