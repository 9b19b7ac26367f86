import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createBatcher } from '../../src/platform/batcher.js'

/** A `run` whose calls end when the test says so. */
function heldBack() {
  const calls: { items: number[]; end(): void; fail(error: Error): void }[] = []
  const run = (items: number[]) =>
    new Promise<(number | Error)[]>((resolve, reject) =>
      calls.push({ items, end: () => resolve(items.map((item) => item * 10)), fail: reject }),
    )
  return { calls, run }
}

describe('createBatcher', () => {
  it('carries out a lone call at once', async () => {
    const { calls, run } = heldBack()
    const batcher = createBatcher<number, number>({ maxSize: 10, maxConcurrent: 1, run })
    const result = batcher.add(1)
    await turn()
    expect(calls.map(({ items }) => items)).toEqual([[1]])
    calls[0]?.end()
    expect(await result).toBe(10)
  })

  it('gathers what comes during a call for the next, up to the limits of size and concurrency', async () => {
    const { calls, run } = heldBack()
    const batcher = createBatcher<number, number>({ maxSize: 3, maxConcurrent: 1, run })
    const results = [batcher.add(1)]
    await turn()
    results.push(...[2, 3, 4, 5].map((item) => batcher.add(item)))
    await turn()
    expect(calls).toHaveLength(1)
    for (const [index, items] of [[1], [2, 3, 4], [5]].entries()) {
      await expect.poll(() => calls[index]?.items).toEqual(items)
      calls[index]?.end()
    }
    expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50])
    await batcher.idle()
  })

  it('rejects an item alone when its result is an error', async () => {
    const batcher = createBatcher<number, number>({
      maxSize: 10,
      maxConcurrent: 1,
      run: async (items) => items.map((item) => (item === 2 ? new Error('two') : item)),
    })
    const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('tries items alone when the failure may be the fault of one', async () => {
    const batcher = createBatcher<number, number>({
      maxSize: 10,
      maxConcurrent: 1,
      isItemsFault: () => true,
      run: async (items) => {
        if (items.includes(2)) throw new Error('a bad item')
        return items
      },
    })
    const results = await Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('rejects all when the failure is no fault of theirs, and goes on with the next', async () => {
    const { calls, run } = heldBack()
    const batcher = createBatcher<number, number>({ maxSize: 2, maxConcurrent: 1, run })
    const results = Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)))
    await turn()
    calls[0]?.fail(new Error('away'))
    await expect.poll(() => calls.length).toBe(2)
    calls[1]?.end()
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  })
})
