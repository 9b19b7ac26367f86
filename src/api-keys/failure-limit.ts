/** Limits the wrong API keys an address may try in a minute. Remembers a bounded number of addresses. */
import { addressGroup } from '../platform/client-address.js'

export interface FailureLimit {
  /** Counts one more failure. @returns the seconds until the count begins anew, if this one is past the limit */
  count(address: string): number | undefined
  /** @returns the seconds until the count begins anew, if it has reached the limit */
  secondsLeft(address: string): number | undefined
}

export interface FailureLimitOptions {
  limit?: number
  windowMs?: number
  maxAddresses?: number
  now?: () => number
}

const MINUTE_MS = 60_000

export function createFailureLimit({
  limit = 20,
  windowMs = MINUTE_MS,
  maxAddresses = 10_000,
  now = () => performance.now(),
}: FailureLimitOptions = {}): FailureLimit {
  /** In the order of their beginnings. All windows are equally long, so this is also the order of their ends. */
  const windows = new Map<string, { failures: number; endsAtMs: number }>()

  function forget(atMs: number): void {
    for (const [address, { endsAtMs }] of windows) {
      if (endsAtMs > atMs && windows.size < maxAddresses) return
      windows.delete(address)
    }
  }

  return {
    secondsLeft(address) {
      if (windows.size === 0) return undefined
      const window = windows.get(addressGroup(address))
      const leftMs = (window?.endsAtMs ?? 0) - now()
      return window !== undefined && window.failures >= limit && leftMs > 0
        ? Math.ceil(leftMs / 1000)
        : undefined
    },
    count(address) {
      const source = addressGroup(address)
      const atMs = now()
      let window = windows.get(source)
      if (window === undefined || window.endsAtMs <= atMs) {
        windows.delete(source)
        forget(atMs)
        window = { failures: 0, endsAtMs: atMs + windowMs }
        windows.set(source, window)
      }
      window.failures += 1
      return window.failures > limit ? Math.ceil((window.endsAtMs - atMs) / 1000) : undefined
    },
  }
}
