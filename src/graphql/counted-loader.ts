/**
 * Stored values of any size, loaded for one operation together, and only once their sizes are known to fit its answer.
 * A value counts as often as it is asked for.
 */
import type { Answer } from './answers.js'

export interface CountedSource<Size extends { bytes: number }, Value> {
  /** What each of them adds to an answer, by id; nothing of an id that has none. */
  measure(ids: string[]): Promise<Map<string, Size>>
  /** Makes the value of each id, once for each time that it was asked for. */
  read(sizes: Map<string, Size>): Promise<Map<string, () => Value>>
}

export interface CountedLoader<Value> {
  /** Undefined when nothing is stored under the id. */
  load(id: string): Promise<Value | undefined>
}

export function createCountedLoader<Size extends { bytes: number }, Value>(
  answer: Answer,
  source: CountedSource<Size, Value>,
): CountedLoader<Value> {
  /** How often each id is asked for at the same moment. */
  let waiting = new Map<string, number>()
  let loading: Promise<Map<string, () => Value>> | undefined

  async function loadWaiting(): Promise<Map<string, () => Value>> {
    await new Promise((resolve) => setImmediate(resolve))
    const times = waiting
    waiting = new Map()
    loading = undefined
    const sizes = await source.measure([...times.keys()])
    let bytes = 0
    for (const [id, size] of sizes) bytes += size.bytes * (times.get(id) ?? 1)
    answer.take(bytes)
    return sizes.size === 0 ? new Map() : source.read(sizes)
  }

  return {
    async load(id) {
      waiting.set(id, (waiting.get(id) ?? 0) + 1)
      loading ??= loadWaiting()
      return (await loading).get(id)?.()
    },
  }
}

/** The value is counted once when it is loaded; from the second time on it counts where it is shown. */
export function shown<Value>(answer: Answer, value: Value, bytes: number): () => Value {
  let isCounted = true
  return () => {
    if (!isCounted) answer.take(bytes)
    isCounted = false
    return value
  }
}
