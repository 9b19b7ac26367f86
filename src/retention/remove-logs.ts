/**
 * Removes delivery logs that are older than they are to be kept, a batch at a time, whatever became of their
 * deliveries. The walk follows the ids of deliveries, which hold their times: no log is older than its delivery, so it
 * ends where the time to keep begins. It passes over the few new logs of old deliveries.
 */
import type { Database, Statement } from '../platform/postgres/database.js'
import { NIL_UUID, sqlFirstUuidV7At } from '../platform/uuid.js'
import { type Batch, type BatchResult, sqlCutOff } from './batch.js'

/** An advisory lock of this number lets one process at a time remove logs. It spells "nesl". */
const LOG_RETENTION_LOCK = 0x6e65736c

/** `$1` the days to keep a log for, `$2` and `$3` the delivery and the attempt to go on after, `$4` the limit. */
const removeOldLogs: Statement = {
  name: 'remove-old-logs',
  text: `
    with turn as materialized (
      select pg_try_advisory_xact_lock(${LOG_RETENTION_LOCK}) as "isMine"
    ), batch as materialized (
      select l.ctid, l."deliveryId", l.attempt, l."createdAt" from "deliveryLogs" l
      where (select "isMine" from turn) and (l."deliveryId", l.attempt) > ($2::uuid, $3::int)
        and l."deliveryId" < ${sqlFirstUuidV7At(sqlCutOff)}
      order by l."deliveryId", l.attempt limit $4
    ), removed as (
      delete from "deliveryLogs" where ctid = any (array(select ctid from batch where "createdAt" < ${sqlCutOff}))
      returning 1
    )
    select "isMine", (select count(*)::int from removed) as logs,
           (select "deliveryId" || '/' || attempt from batch order by "deliveryId" desc, attempt desc limit 1) as last,
           (select count(*) from batch) < $4 as "isEnd"
    from turn`,
}

interface RemoveOldLogsRow extends Pick<BatchResult, 'logs' | 'isEnd'> {
  last: string | null
  isMine: boolean
}

/** @returns undefined when another process removes logs at this moment */
export async function removeLogs(database: Database, batch: Batch): Promise<BatchResult | undefined> {
  const { days, after = `${NIL_UUID}/0`, limit } = batch
  const [row] = await database.query<RemoveOldLogsRow>(removeOldLogs, [days, ...after.split('/'), limit])
  if (row === undefined || !row.isMine) return undefined
  return { events: 0, deliveries: 0, logs: row.logs, last: row.last ?? undefined, isEnd: row.isEnd }
}
