import { describe, expect, it } from 'vitest'
import { createResources, ResourceHangsError } from '../../src/platform/resources.js'

/** A resource whose stop is told of, and ends by what it is given. */
function partOf(stopped: string[], name: string, end: () => Promise<void> = async () => {}) {
  return {
    async [Symbol.asyncDispose]() {
      stopped.push(name)
      await end()
    },
  }
}

describe('resources', () => {
  it('are stopped in the opposite order, even when one can not be', async () => {
    const stopped: string[] = []
    const resources = createResources()
    resources.use(partOf(stopped, 'first'))
    resources.use(partOf(stopped, 'second', () => Promise.reject(new Error('stuck'))))
    resources.use(partOf(stopped, 'third'))
    await expect(resources[Symbol.asyncDispose]()).rejects.toThrow('stuck')
    expect(stopped).toEqual(['third', 'second', 'first'])
  })

  it('say which of them is being stopped, and which of its own resources', async () => {
    let goOn = () => {}
    const inner = createResources()
    inner.use(
      partOf([], 'queue', () => new Promise<void>((resolve) => (goOn = resolve))),
      'queue',
    )
    const resources = createResources()
    resources.use(inner, 'service')
    expect(resources.stopping).toBeUndefined()
    const stopped = resources[Symbol.asyncDispose]()
    expect(resources.stopping).toBe('queue')
    goOn()
    await stopped
    expect(resources.stopping).toBeUndefined()
  })

  it('are not held up by one that hangs, which is named', async () => {
    const stopped: string[] = []
    const resources = createResources()
    resources.use(partOf(stopped, 'first'))
    resources.use(
      partOf(stopped, 'second', () => new Promise(() => {})),
      'queue',
      1,
    )
    const stop = Promise.resolve(resources[Symbol.asyncDispose]())
    await expect(stop).rejects.toMatchObject({ resource: 'queue', constructor: ResourceHangsError })
    expect(stopped).toEqual(['second', 'first'])
  })
})
