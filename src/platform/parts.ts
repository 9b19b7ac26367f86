/** Parts that were started one after the other, to be stopped in the opposite order. */
export interface Parts extends AsyncDisposable {
  use<Part extends AsyncDisposable>(part: Part): Part
}

export function createParts(): Parts {
  const parts: AsyncDisposable[] = []
  return {
    use(part) {
      parts.push(part)
      return part
    },
    /** Stops them all, even when one can't be stopped; then tells of the first that couldn't. */
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = []
      for (const part of parts.splice(0).reverse()) {
        try {
          await part[Symbol.asyncDispose]()
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw errors[0]
    },
  }
}
