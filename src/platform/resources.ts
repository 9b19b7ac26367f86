/** Resources that are opened one after the other and closed in the opposite order, each within its time. */

export interface Resource extends AsyncDisposable {
  /** The name of its own resource that is being closed at this moment, if any. */
  readonly stopping?: string | undefined
}

export interface Resources extends Resource {
  /**
   * @param name appears in the log when its stop hangs
   * @param withinMs how long its stop may take; the default is for ever
   */
  use<One extends Resource>(resource: One, name?: string, withinMs?: number): One
}

/** The stop of a resource took longer than its time. The resources after it were stopped nevertheless. */
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
    /** Stops all resources, even when one fails or hangs. Then throws the first error. */
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
