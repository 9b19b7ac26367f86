/** When something was, for whoever has to explain it: by the faults of the run. */
import type { Fault } from './faults.js'

/** A fault that was; the times are `performance.now()`. */
export interface Past {
  fault: Fault
  /** What it befell. */
  victim: string
  from: number
  to: number
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

/** The last fault that had begun by then; empty when there was none. @param at by `performance.now()` */
export function sinceFault(at: number, past: Past[]): string {
  const before = past.findLast(({ from }) => from <= at)
  return before === undefined ? '' : `, ${seconds(at - before.to)} after the end of "${before.fault.name}"`
}
