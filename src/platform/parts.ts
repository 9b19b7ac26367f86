/** Parts that were started one after the other, to be stopped in the opposite order, each within its time. */

export interface Part extends AsyncDisposable {
  /** Which of its own parts is being stopped at this moment, where it has any. */
  readonly stopping?: string | undefined
}

export interface Parts extends Part {
  /**
   * @param name what a stop that hangs calls it
   * @param withinMs how long its stop may take; without it, for ever
   */
  use<One extends Part>(part: One, name?: string, withinMs?: number): One
}

/** The stop of a part took longer than it may. Those that come after it were stopped nevertheless. */
export class PartHangsError extends Error {
  override readonly name = 'PartHangsError'
  readonly part: string

  constructor(part: string, withinMs: number) {
    super(`The stop of ${part} took longer than ${withinMs} ms.`)
    this.part = part
  }
}

export function createParts(): Parts {
  const parts: { part: Part; name: string; withinMs: number | undefined }[] = []
  let underWay: (typeof parts)[number] | undefined
  return {
    use(part, name = 'a part', withinMs) {
      parts.push({ part, name, withinMs })
      return part
    },
    get stopping() {
      return underWay && (underWay.part.stopping ?? underWay.name)
    },
    /** Stops them all, even when one can't be stopped or hangs; then tells of the first that did so. */
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = []
      for (underWay of parts.splice(0).reverse()) {
        const { part, name, withinMs } = underWay
        try {
          await inTime(part, name, withinMs)
        } catch (error) {
          errors.push(error)
        }
      }
      underWay = undefined
      if (errors.length > 0) throw errors[0]
    },
  }
}

async function inTime(part: Part, name: string, withinMs: number | undefined): Promise<void> {
  const stopped = Promise.resolve(part[Symbol.asyncDispose]())
  if (withinMs === undefined) return stopped
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PartHangsError(name, withinMs)), withinMs)
  })
  try {
    await Promise.race([stopped, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
