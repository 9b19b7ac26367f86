import { createBatcher } from '../platform/batcher.js'

/** Loads for one operation what is asked for at the same moment together. */
export interface BatchedLoader<Asked, Value> {
  /** Undefined when there is nothing for it. */
  load(asked: Asked): Promise<Value | undefined>
}

/** @param find finds values by id */
export function createBatchedLoader<Asked extends { id: string }, Value>(
  find: (asked: Asked[]) => Promise<Map<string, Value>>,
): BatchedLoader<Asked, Value> {
  const batcher = createBatcher<Asked, Value | undefined>({
    // An operation is bounded itself.
    ...{ maxSize: Number.POSITIVE_INFINITY, maxConcurrent: Number.POSITIVE_INFINITY },
    async run(asked) {
      const found = await find(asked)
      return asked.map(({ id }) => found.get(id))
    },
  })
  return { load: batcher.add }
}
