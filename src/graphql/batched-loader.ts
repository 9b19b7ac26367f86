/** Loads for one operation what is asked for at the same moment together. */
export interface BatchedLoader<Asked, Value> {
  /** Undefined when there is nothing for it. */
  load(asked: Asked): Promise<Value | undefined>
}

/** @param find finds values by id */
export function createBatchedLoader<Asked extends { id: string }, Value>(
  find: (asked: Asked[]) => Promise<Map<string, Value>>,
): BatchedLoader<Asked, Value> {
  let waiting: Asked[] = []
  let loading: Promise<Map<string, Value>> | undefined

  async function loadWaiting(): Promise<Map<string, Value>> {
    await new Promise((resolve) => setImmediate(resolve))
    const asked = waiting
    waiting = []
    loading = undefined
    return find(asked)
  }

  return {
    async load(asked) {
      waiting.push(asked)
      loading ??= loadWaiting()
      return (await loading).get(asked.id)
    },
  }
}
