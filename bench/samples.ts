/** Durations by the hundred thousand, and the percentiles of them all: no buckets, no estimates. */
export interface Percentiles {
  p50: number
  p90: number
  p99: number
  max: number
}

export interface Samples {
  addUs(durationUs: number): void
  clear(): void
  readonly count: number
  /** In milliseconds; undefined where there is nothing to tell. */
  percentilesMs(): Percentiles | undefined
}

export function createSamples(): Samples {
  let samples = new Float64Array(65_536)
  let count = 0

  return {
    addUs(durationUs) {
      if (count === samples.length) {
        const larger = new Float64Array(count * 2)
        larger.set(samples)
        samples = larger
      }
      samples[count] = durationUs
      count += 1
    },
    clear() {
      count = 0
    },
    get count() {
      return count
    },
    percentilesMs() {
      if (count === 0) return undefined
      const sorted = samples.slice(0, count).sort()
      const at = (part: number) => (sorted[Math.max(0, Math.ceil(count * part) - 1)] as number) / 1000
      return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
    },
  }
}
