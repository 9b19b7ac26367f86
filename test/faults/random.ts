/** Chance that can be had again: the same seed gives the same numbers, on every machine. */
export interface Random {
  /** From 0 to below 1. */
  next(): number
  pick<Item>(items: readonly Item[]): Item
  isOneIn(count: number): boolean
  /** Between two times, both above 0, and rather nearer the shorter one: long outages are rare. */
  durationMs(shortestMs: number, longestMs: number): number
}

export function createRandom(seed: string): Random {
  let state = hash(seed)

  /** Mulberry32: small, quick, and as even as choosing faults asks for. */
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  return {
    next,
    pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
    isOneIn: (count) => next() < 1 / count,
    durationMs: (shortestMs, longestMs) => Math.round(shortestMs * (longestMs / shortestMs) ** next()),
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193)
  return value
}
