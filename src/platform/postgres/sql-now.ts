/**
 * SQL: this moment, in the whole milliseconds that the columns hold. `timestamptz(3)` rounds, so a bare `now()` written
 * to one lies in the future half of the time, and what is due "now" would not be due yet for whoever looks at once.
 */
export const sqlNow = `date_trunc('milliseconds', now())`
