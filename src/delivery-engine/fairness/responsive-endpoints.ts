/** Which endpoints answer: what is known of the last minute or two, of those only that did. */
export interface ResponsiveEndpoints {
  /** Tells that an exchange with a subscription's endpoint took so long; for one that goes on, so far. */
  note(subscriptionId: string, tookMs: number): void
  has(subscriptionId: string): boolean
  all(): string[]
}

/** An endpoint that takes longer may be about to hang. */
const PROMPT_MS = 2000
const REMEMBERED_MS = 60_000

export function createResponsiveEndpoints(): ResponsiveEndpoints {
  // Forgetting by generations costs nothing for each of them.
  let lately = new Set<string>()
  let before = new Set<string>()
  let turnsAt = performance.now() + REMEMBERED_MS

  return {
    note(subscriptionId, tookMs) {
      if (performance.now() >= turnsAt) {
        before = lately
        lately = new Set()
        turnsAt = performance.now() + REMEMBERED_MS
      }
      if (tookMs < PROMPT_MS) {
        lately.add(subscriptionId)
      } else {
        lately.delete(subscriptionId)
        before.delete(subscriptionId)
      }
    },
    has: (subscriptionId) => lately.has(subscriptionId) || before.has(subscriptionId),
    all: () => [...new Set([...lately, ...before])],
  }
}
