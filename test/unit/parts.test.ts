import { describe, expect, it } from 'vitest'
import { createParts, PartHangsError } from '../../src/platform/parts.js'

/** A part whose stop is told of, and ends by what it is given. */
function partOf(stopped: string[], name: string, end: () => Promise<void> = async () => {}) {
  return {
    async [Symbol.asyncDispose]() {
      stopped.push(name)
      await end()
    },
  }
}

describe('parts', () => {
  it('are stopped in the opposite order, even when one can not be', async () => {
    const stopped: string[] = []
    const parts = createParts()
    parts.use(partOf(stopped, 'first'))
    parts.use(partOf(stopped, 'second', () => Promise.reject(new Error('stuck'))))
    parts.use(partOf(stopped, 'third'))
    await expect(parts[Symbol.asyncDispose]()).rejects.toThrow('stuck')
    expect(stopped).toEqual(['third', 'second', 'first'])
  })

  it('say which of them is being stopped, and which of its own parts', async () => {
    let goOn = () => {}
    const inner = createParts()
    inner.use(
      partOf([], 'queue', () => new Promise<void>((resolve) => (goOn = resolve))),
      'queue',
    )
    const parts = createParts()
    parts.use(inner, 'service')
    expect(parts.stopping).toBeUndefined()
    const stopped = parts[Symbol.asyncDispose]()
    expect(parts.stopping).toBe('queue')
    goOn()
    await stopped
    expect(parts.stopping).toBeUndefined()
  })

  it('are not held up by one that hangs, which is named', async () => {
    const stopped: string[] = []
    const parts = createParts()
    parts.use(partOf(stopped, 'first'))
    parts.use(
      partOf(stopped, 'second', () => new Promise(() => {})),
      'queue',
      1,
    )
    const stop = Promise.resolve(parts[Symbol.asyncDispose]())
    await expect(stop).rejects.toMatchObject({ part: 'queue', constructor: PartHangsError })
    expect(stopped).toEqual(['second', 'first'])
  })
})
