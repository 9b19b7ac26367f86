/**
 * SQL: the current time in whole milliseconds, rounded down. `timestamptz(3)` rounds to the nearest, so a plain `now()`
 * would lie in the future half of the time, and a delivery that is due "now" would not be due yet.
 */
export const sqlNow = `date_trunc('milliseconds', now())`
