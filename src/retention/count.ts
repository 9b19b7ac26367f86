/** What retention would remove, batch by batch as it would, but only counted: a dry run locks and changes nothing. */

import { sqlIsOpen } from '../model/delivery-states.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type Batch, type BatchResult, batchParameters, sqlBatch, sqlBatchEnd, sqlIsOver } from './batch.js'

/** `$1`, `$2`, `$3`: `batchParameters`. */
const countFinishedEvents: Statement = {
  name: 'count-finished-events',
  text: `
    with ${sqlBatch()}, finished as materialized (
      select found.* from batch cross join lateral (
        select e.id, e."createdAt" from events e where e.id = batch.id and ${sqlIsOver}
          and not exists (select from deliveries d where d."eventId" = e.id and ${sqlIsOpen('d')})
        limit 1
      ) as found
    ), deliveries as materialized (
      select d.id from finished cross join lateral (
        select id from deliveries where "eventId" = finished.id offset 0
      ) as d
    )
    select (select count(*)::int from finished) as events,
           (select count(*)::int from deliveries) as deliveries,
           (select count(*)::int from "deliveryLogs" where "deliveryId" = any(array(select id from deliveries))) as logs,
           (select id from finished order by id limit 1) as oldest,
           ${sqlBatchEnd}`,
}

interface CountFinishedEventsRow extends Omit<CountResult, 'last' | 'oldest'> {
  last: string | null
  oldest: string | null
}

export interface CountResult extends BatchResult {
  /** The event that would go first. */
  oldest: string | undefined
}

export async function countFinished(database: Database, batch: Batch): Promise<CountResult> {
  const [row] = await database.query<CountFinishedEventsRow>(countFinishedEvents, batchParameters(batch))
  if (row === undefined) throw new Error('A count without a row')
  return { ...row, last: row.last ?? undefined, oldest: row.oldest ?? undefined }
}
