/**
 * One clock for all processes of a run: the machine's monotonic clock, which Node.js reads the same in each of
 * them. The time of day would do worse: it is adjusted while a run goes on.
 */

/** Makes every time one of 16 digits, which has its fixed place in a request, and is exact as a number. */
const BASE_US = 1e15

/** Microseconds, to be compared with those of other processes on this machine. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return BASE_US + seconds * 1e6 + Math.floor(nanoseconds / 1000)
}

export const SECOND_US = 1e6
