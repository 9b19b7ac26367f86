/**
 * Erases the payloads of a batch of finished events, with what their attempts have kept, before the events themselves
 * are old enough to go. As with removals, it waits for nobody: what another statement has locked stays until the next
 * round.
 */
import { sqlEraseEvents } from '../model/erasure.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type Batch, type BatchResult, batchParameters, sqlBatch, sqlBatchEnd, sqlIsOver } from './batch.js'

/** An advisory lock of this number lets one process at a time erase payloads. It spells "nesp". */
const PAYLOAD_RETENTION_LOCK = 0x6e657370

/** `$1`, `$2`, `$3`: `batchParameters`. */
const eraseOldPayloads: Statement = {
  name: 'erase-old-payloads',
  text: `
    with turn as materialized (
      select pg_try_advisory_xact_lock(${PAYLOAD_RETENTION_LOCK}) as "isMine"
    ), ${sqlBatch('"isMine" from turn')}, old as materialized (
      select found.id from batch cross join lateral (
        select e.id from events e where e.id = batch.id and e."erasedAt" is null and ${sqlIsOver} limit 1
      ) as found
    ), ${sqlEraseEvents('old', sqlIsOver)}
    select "isMine", (select count(*)::int from erased) as payloads, ${sqlBatchEnd}
    from turn`,
}

interface EraseOldPayloadsRow extends Pick<BatchResult, 'isEnd'> {
  payloads: number
  last: string | null
  isMine: boolean
}

/** @returns undefined when another process erases payloads at this moment */
export async function erasePayloads(database: Database, batch: Batch): Promise<BatchResult | undefined> {
  const [row] = await database.query<EraseOldPayloadsRow>(eraseOldPayloads, batchParameters(batch))
  if (row === undefined || !row.isMine) return undefined
  const { payloads, last, isEnd } = row
  return { events: 0, deliveries: 0, logs: 0, payloads, last: last ?? undefined, isEnd }
}
