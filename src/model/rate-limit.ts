/**
 * SQL: the time until which a row `l` with its rate limit is used up, by the generic cell rate algorithm
 * (GCRA). At most the requests of `savedSeconds`, and at least one, can be saved. A time more than a second ahead was
 * written before the clock was set back, and is ignored.
 *
 * @param rate SQL: requests a second
 */
export const sqlSpentUntil = (rate: string, savedSeconds = 0.1): string => `
  greatest(case when l."spentUntil" < now() + interval '1 second' then l."spentUntil" end,
           now() - greatest(${savedSeconds}, 1 / ${rate}) * interval '1 second')`

/** SQL: the requests that the rate limit of the row `l` allows now; infinite without a rate. */
export const sqlCredit = (rate: string, savedSeconds?: number): string =>
  `coalesce(extract(epoch from now() - ${sqlSpentUntil(rate, savedSeconds)})::float8 * ${rate}, 'Infinity')`
