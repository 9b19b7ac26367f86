/** One walk by hand, from the oldest event to the newest that may go. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '../platform/postgres/database.js'
import type { Batch, BatchResult } from './batch.js'
import { type CountResult, countFinished } from './count.js'
import { removeFinished } from './remove.js'
import { BATCH_SIZE, BUSY_MS, RESTS } from './sweeper.js'

export interface Totals {
  events: number
  deliveries: number
  logs: number
  /** The first event of them; only a count knows it. */
  oldest: string | undefined
}

export interface WalkOptions {
  database: Database
  days: number
  isDryRun: boolean
  batchSize?: number
}

/** Rests between batches as the service does, so that it may run beside it. */
export async function walk({
  database,
  days,
  isDryRun,
  batchSize = BATCH_SIZE,
}: WalkOptions): Promise<Totals> {
  const total: Totals = { events: 0, deliveries: 0, logs: 0, oldest: undefined }
  const step: Step = isDryRun ? countFinished : removeFinished
  let after: string | undefined
  for (;;) {
    const startedAt = performance.now()
    const result = await step(database, { days, after, limit: batchSize })
    if (result !== undefined) {
      for (const kind of ['events', 'deliveries', 'logs'] as const) total[kind] += result[kind]
      total.oldest ??= result.oldest
      if (result.isEnd) return total
      after = result.last
    }
    await pause(result === undefined ? BUSY_MS : RESTS * (performance.now() - startedAt))
  }
}

type Step = (
  database: Database,
  batch: Batch,
) => Promise<(BatchResult & Partial<Pick<CountResult, 'oldest'>>) | undefined>
