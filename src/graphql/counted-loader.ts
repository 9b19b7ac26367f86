/**
 * Loads stored values of any size for one operation together. It measures them first, and reads them only if their
 * sizes fit the answer. A value counts once for each request.
 */
import type { Answer } from './answers.js'

export interface CountedSource<Size extends { bytes: number }, Value> {
  /** The size of each value in an answer, by id. An id without a value has no entry. */
  measure(ids: string[]): Promise<Map<string, Size>>
  /** @returns a function for each id: each `load` of the id calls it once for its value */
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
  /** The number of waiting `load` calls for each id. */
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

/** The loader counts the value once. From the second call on, the returned function counts it again. */
export function shown<Value>(answer: Answer, value: Value, bytes: number): () => Value {
  let isCounted = true
  return () => {
    if (!isCounted) answer.take(bytes)
    isCounted = false
    return value
  }
}
