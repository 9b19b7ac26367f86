import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  timeoutMs: number
  /** How often it asks. */
  everyMs?: number
}

/** Resolves once `condition` does with true; one that throws counts as not yet. @throws Error that names `what` */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  { timeoutMs, everyMs = 50 }: UntilOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let lastError: unknown
  while (performance.now() < deadline) {
    try {
      if (await condition()) return
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    await pause(everyMs)
  }
  throw new Error(`Not within ${timeoutMs} ms: ${what}.`, { cause: lastError })
}
