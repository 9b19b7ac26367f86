/** Resources that were started one after the other, to be stopped in the opposite order, each within its time. */

export interface Resource extends AsyncDisposable {
  /** Which of its own resources is being stopped at this moment, where it has any. */
  readonly stopping?: string | undefined
}

export interface Resources extends Resource {
  /**
   * @param name what a stop that hangs calls it
   * @param withinMs how long its stop may take; without it, for ever
   */
  use<One extends Resource>(resource: One, name?: string, withinMs?: number): One
}

/** The stop of a resource took longer than it may. Those that come after it were stopped nevertheless. */
export class ResourceHangsError extends Error {
  override readonly name = 'ResourceHangsError'
  readonly resource: string

  constructor(resource: string, withinMs: number) {
    super(`The stop of ${resource} took longer than ${withinMs} ms.`)
    this.resource = resource
  }
}

export function createResources(): Resources {
  const resources: { resource: Resource; name: string; withinMs: number | undefined }[] = []
  let underWay: (typeof resources)[number] | undefined
  return {
    use(resource, name = 'a resource', withinMs) {
      resources.push({ resource, name, withinMs })
      return resource
    },
    get stopping() {
      return underWay && (underWay.resource.stopping ?? underWay.name)
    },
    /** Stops them all, even when one can't be stopped or hangs; then tells of the first that did so. */
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = []
      for (underWay of resources.splice(0).reverse()) {
        const { resource, name, withinMs } = underWay
        try {
          await inTime(resource, name, withinMs)
        } catch (error) {
          errors.push(error)
        }
      }
      underWay = undefined
      if (errors.length > 0) throw errors[0]
    },
  }
}

async function inTime(resource: Resource, name: string, withinMs: number | undefined): Promise<void> {
  const stopped = Promise.resolve(resource[Symbol.asyncDispose]())
  if (withinMs === undefined) return stopped
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ResourceHangsError(name, withinMs)), withinMs)
  })
  try {
    await Promise.race([stopped, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
