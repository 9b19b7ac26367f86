import { sqlNow } from '../platform/sql-now.js'

/** The time that whoever holds a delivery may be lost for. Short, because it is how long a crash can delay one. */
const LEASE_MS = 20_000

/** SQL: the end of a lease given now, for `queuedUntil`. */
export const sqlLeaseEnd = `${sqlNow} + interval '${LEASE_MS} milliseconds'`
