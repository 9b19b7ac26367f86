/** A `WebhookStore` for a receiver of one process, which may forget when it restarts. */
import type { WebhookStore } from './process-once.js'

interface Entry {
  /** Absent once the webhook was processed. */
  token?: string
  /** By `Date.now()`. */
  untilMs: number
}

/** @param maxWebhooks how many it remembers; beyond that it forgets the oldest */
export function createMemoryStore({ maxWebhooks = 100_000 } = {}): WebhookStore {
  const entries = new Map<string, Entry>()
  function set(id: string, seconds: number, token?: string): void {
    entries.delete(id)
    entries.set(id, { untilMs: Date.now() + seconds * 1000, ...(token !== undefined && { token }) })
    const [oldest] = entries.keys()
    if (entries.size > maxWebhooks && oldest !== undefined) entries.delete(oldest)
  }
  return {
    async take(id, token, leaseSeconds) {
      const entry = entries.get(id)
      if (entry !== undefined && entry.untilMs > Date.now())
        return entry.token === undefined ? 'DONE' : 'BUSY'
      set(id, leaseSeconds, token)
      return 'TAKEN'
    },
    async finish(id, keepSeconds) {
      set(id, keepSeconds)
    },
    async giveBack(id, token) {
      if (entries.get(id)?.token === token) entries.delete(id)
    },
  }
}
