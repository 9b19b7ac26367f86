/** How often something happens, as the mean of the last seconds. */
export interface Rate {
  add(): void
  perSecond(): number
}

const SECOND_MS = 1000
const SECONDS = 10

export function createRate(nowMs: () => number): Rate {
  /** A count for each of the last seconds. */
  const counts: number[] = Array(SECONDS).fill(0)
  const startedAt = nowMs()
  let second = Math.floor(startedAt / SECOND_MS)

  function moveOn(): void {
    const now = Math.floor(nowMs() / SECOND_MS)
    for (let passed = Math.min(now - second, SECONDS); passed > 0; passed--) {
      counts.shift()
      counts.push(0)
    }
    second = now
  }

  return {
    add() {
      moveOn()
      counts[SECONDS - 1] = (counts[SECONDS - 1] ?? 0) + 1
    },
    perSecond() {
      moveOn()
      const sum = counts.reduce((total, count) => total + count, 0)
      const seconds = Math.min(SECONDS, Math.max(1, (nowMs() - startedAt) / SECOND_MS))
      return sum / seconds
    },
  }
}
