/** The machine as a whole: how much of it went to processes that have no part in the run, and so spoil it. */
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** CPU seconds that the machine has spent on anything since it was booted; 0 where it doesn't tell. */
export function busySeconds(): number {
  try {
    // user, nice, system, idle, iowait, irq, softirq, steal: proc_stat(5)
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
    const [, user, nice, system, , , irq, softirq, steal] = line.split(/\s+/).map(Number)
    const spent = [user, nice, system, irq, softirq, steal]
    return spent.reduce((sum: number, ticks) => sum + (ticks ?? 0), 0) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}
