/**
 * What the last exchange with a subscription's endpoint showed, for one to two minutes:
 *
 * - `responsive`: it answered promptly.
 * - `slow`: it answered, but not promptly.
 * - `hanging`: it did not answer.
 * - `unknown`: the endpoint is new, was not called lately, or fails at once and so holds no slot.
 */
export type Responsiveness = 'responsive' | 'slow' | 'hanging' | 'unknown'

export interface ResponsiveEndpoints {
  /** To be called when an exchange has ended. */
  noteEnded(subscriptionId: string, tookMs: number, isAnswered: boolean): void
  /** To be called now and then while an exchange goes on. */
  noteWaiting(subscriptionId: string, soFarMs: number): void
  of(subscriptionId: string): Responsiveness
  /** The subscriptions whose endpoints are responsive. */
  all(): string[]
}

/** An endpoint that takes longer may be about to hang. */
const PROMPT_MS = 2000
const REMEMBERED_MS = 60_000

export function createResponsiveEndpoints(): ResponsiveEndpoints {
  // Two generations, so that forgetting costs nothing for each endpoint.
  let recent = new Map<string, Responsiveness>()
  let before = new Map<string, Responsiveness>()
  let turnsAt = performance.now() + REMEMBERED_MS

  function remember(subscriptionId: string, responsiveness: Responsiveness): void {
    if (performance.now() >= turnsAt) {
      before = recent
      recent = new Map()
      turnsAt = performance.now() + REMEMBERED_MS
    }
    recent.set(subscriptionId, responsiveness)
  }

  const of = (subscriptionId: string) => recent.get(subscriptionId) ?? before.get(subscriptionId) ?? 'unknown'

  return {
    noteEnded(subscriptionId, tookMs, isAnswered) {
      const isPrompt = tookMs < PROMPT_MS
      if (isAnswered) remember(subscriptionId, isPrompt ? 'responsive' : 'slow')
      else if (!isPrompt) remember(subscriptionId, 'hanging')
    },
    noteWaiting(subscriptionId, soFarMs) {
      if (soFarMs >= PROMPT_MS && of(subscriptionId) !== 'slow') remember(subscriptionId, 'hanging')
    },
    of,
    all: () =>
      [...new Map([...before, ...recent])].filter(([, each]) => each === 'responsive').map(([id]) => id),
  }
}
