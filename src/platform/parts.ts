/** Parts that were started one after the other, to be stopped in the opposite order. */

export interface Part extends AsyncDisposable {
  /** Which of its own parts is being stopped at this moment, where it has any. */
  readonly stopping?: string | undefined
}

export interface Parts extends Part {
  /** @param name what a stop that hangs calls it */
  use<One extends Part>(part: One, name?: string): One
}

export function createParts(): Parts {
  const parts: { part: Part; name: string }[] = []
  let underWay: (typeof parts)[number] | undefined
  return {
    use(part, name = 'a part') {
      parts.push({ part, name })
      return part
    },
    get stopping() {
      return underWay && (underWay.part.stopping ?? underWay.name)
    },
    /** Stops them all, even when one can't be stopped; then tells of the first that couldn't. */
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = []
      for (underWay of parts.splice(0).reverse()) {
        try {
          await underWay.part[Symbol.asyncDispose]()
        } catch (error) {
          errors.push(error)
        }
      }
      underWay = undefined
      if (errors.length > 0) throw errors[0]
    },
  }
}
