/**
 * The histogram of response times: each bucket ends a tenth higher than the one before, so a percentile read from it is
 * within 5 % of the true one, and two histograms are merged by adding their counts.
 */

const GROWTH = 1.1

/** SQL: the number of the bucket that holds this response time in milliseconds. Bucket 0 holds 0 and 1. */
export const sqlLatencyBucket = (milliseconds: string): string =>
  `ceil(ln(greatest(${milliseconds}, 1)) / ln(${GROWTH}::float8))::int`

/** The middle of a bucket, in whole milliseconds. */
const middleOf = (bucket: number): number => Math.round(GROWTH ** (bucket - 0.5))

export interface LatencyHistogram {
  /** The buckets that have any, in their order. */
  buckets: number[]
  /** How many each of them has. */
  counts: number[]
}

/** @param share of the response times that are at most this long: 0.95 for p95 */
export function latencyPercentile({ buckets, counts }: LatencyHistogram, share: number): number {
  const wanted = share * counts.reduce((sum, count) => sum + count, 0)
  let seen = 0
  const index = counts.findIndex((count) => {
    seen += count
    return seen >= wanted
  })
  return middleOf(buckets[index] ?? 0)
}
