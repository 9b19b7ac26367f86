/** What a breaker should do: how many deliveries it allows at a time, and what an answer makes of it. */
import type { PicturedSubscription } from './reference-model.js'

/** How its endpoint is, and its breaker. */
export interface PicturedHealth {
  /** Of the subscription: it says nothing of another one. */
  version: number
  failures: number
  /** While it is paused: whether the time of the next probe has come. */
  probe: 'none' | 'later' | 'due'
  /** While it recovers. */
  pace: number | null
}

export const PAUSE_AFTER = 3
export const PAUSE_AGAIN_AFTER = 2
export const FULL_PACE = 4

/** How many deliveries may be leased at a time. */
export function allowedBy({ version, health }: PicturedSubscription): number {
  if (health === undefined || health.version !== version) return Number.POSITIVE_INFINITY
  if (health.probe !== 'none') return health.probe === 'due' ? 1 : 0
  return health.pace ?? Number.POSITIVE_INFINITY
}

export function noteHealth(subscription: PicturedSubscription, version: number, isSuccess: boolean): void {
  if (subscription.health !== undefined && subscription.health.version > version) return
  if (subscription.health?.version !== version)
    subscription.health = { version, failures: 0, probe: 'none', pace: null }
  const { health } = subscription
  health.failures = isSuccess ? 0 : health.failures + 1
  if (isSuccess) {
    const pace = health.probe !== 'none' ? 1 : health.pace === null ? null : health.pace + 1
    Object.assign(health, { probe: 'none', pace: pace === FULL_PACE ? null : pace })
    return
  }
  const mostFailures = health.pace === null ? PAUSE_AFTER : PAUSE_AGAIN_AFTER
  if (health.probe !== 'none' || health.failures >= mostFailures)
    Object.assign(health, { probe: 'later', pace: null })
  else if (health.pace !== null) health.pace = Math.max(1, health.pace - 1)
}
