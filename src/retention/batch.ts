/**
 * What retention looks at: events by their ids, and so by the time of their acceptance, a batch at a time. No event
 * that is younger by its id can be old enough, so the walk ends where the time to keep begins.
 *
 * The clock is the database's alone: it has written `updatedAt`, and one clock can't disagree with itself.
 */
import { sqlIsFinished } from '../model/delivery-states.js'
import { NIL_UUID, sqlFirstUuidV7At } from '../platform/uuid.js'

/** Days to keep a finished event for; the event to go on after; most events to look at. */
export interface Batch {
  days: number
  after: string | undefined
  limit: number
}

/** How a batch ended: what it came to, and where the next one begins. */
export interface BatchResult {
  events: number
  deliveries: number
  logs: number
  /** Events whose payload was erased. */
  payloads?: number
  /** The last event that was looked at; undefined when there was none. */
  last: string | undefined
  /** Whether nothing old enough is left beyond. */
  isEnd: boolean
}

export const sqlCutOff = `(statement_timestamp() - $1::float8 * interval '24 hours')`

/** Whether the event `e` was finished long enough ago. */
export const sqlIsOver = `${sqlIsFinished('e')} and e."updatedAt" < ${sqlCutOff}`

/** A batch ends early where its events have this many deliveries: then it lasts a moment, however they fan out. */
const DELIVERIES_AT_ONCE = 2000

/**
 * `with` parts: `batch` are the events to look at, by `id`, finished or not, so that the walk gets past those that
 * stay. `$1`, `$2`, `$3` are `batchParameters`; `mayStart` is a condition on the whole.
 */
export const sqlBatch = (mayStart = 'true') => `
  next as materialized (
    select e.id, e."deliveryCount" from events e
    where (select ${mayStart}) and e.id > $2::uuid and e.id < ${sqlFirstUuidV7At(sqlCutOff)}
    order by e.id limit $3
  ), batch as materialized (
    select id from (select id, sum("deliveryCount") over (order by id) - "deliveryCount" as before from next) as n
    where before < ${DELIVERIES_AT_ONCE}
  )`

/** Columns for `BatchResult`: where the batch ended. */
export const sqlBatchEnd = `
  (select id from batch order by id desc limit 1) as last,
  (select count(*) from next) < $3 and (select count(*) from next) = (select count(*) from batch) as "isEnd"`

export const batchParameters = ({ days, after = NIL_UUID, limit }: Batch) => [days, after, limit]
