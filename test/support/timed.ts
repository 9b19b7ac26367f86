/** How long something takes, as its caller sees it. */
export async function timed<Result>(work: () => Promise<Result>): Promise<[Result, milliseconds: number]> {
  const startedAt = performance.now()
  const result = await work()
  return [result, performance.now() - startedAt]
}

/**
 * A timer counts from when its turn of the event loop began, so on a busy machine it may end this much early by a
 * clock that is read later in that turn.
 */
export const TIMER_EARLY_MS = 20
