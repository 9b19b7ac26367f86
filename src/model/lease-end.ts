import { LEASE_MS } from '../budgets.js'
import { sqlNow } from '../platform/postgres/sql-now.js'

/** SQL: the end of a lease given now, for `queuedUntil`. */
export const sqlLeaseEnd = `${sqlNow} + interval '${LEASE_MS} milliseconds'`
