/**
 * SQL: the time until which the rate limit of a row `l` of `rateLimits` is used up, by the generic cell rate algorithm
 * (GCRA). At most a tenth of a second's requests, and at least one, can be saved. A time more than a second ahead was
 * written before the clock was set back, and is ignored.
 *
 * @param rate SQL: requests a second
 */
export const sqlSpentUntil = (rate: string): string => `
  greatest(case when l."spentUntil" < now() + interval '1 second' then l."spentUntil" end,
           now() - greatest(0.1, 1 / ${rate}) * interval '1 second')`

/** SQL: the requests that the rate limit of the row `l` allows now; infinite without a rate. */
export const sqlCredit = (rate: string): string =>
  `coalesce(extract(epoch from now() - ${sqlSpentUntil(rate)})::float8 * ${rate}, 'Infinity')`
