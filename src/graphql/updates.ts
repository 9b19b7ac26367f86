/** An update: a change as the watchers of one operation get it. It is executed once for all of them. */
import type { Frame, KeptFrames } from './frames.js'

/**
 * Executes an operation for a change. Never fails: an error is a part of the result.
 *
 * @param id of the server-sent event
 */
export type Execute<Change> = (change: Change, id: string | undefined) => Promise<Frame>

export interface Update<Change> {
  readonly change: Change
  /** The frame, if it is made and still kept. */
  ready: Frame | undefined
  /** Makes the frame, unless it is ready or being made. */
  frame(): Promise<Frame>
}

/** @param id of the server-sent event */
export function createUpdate<Change>(
  change: Change,
  id: string | undefined,
  execute: Execute<Change>,
  kept: KeptFrames,
): Update<Change> {
  let making: Promise<Frame> | undefined

  async function make(): Promise<Frame> {
    const frame = await execute(change, id)
    kept.keep(update, frame)
    making = undefined
    return frame
  }

  const update = {
    change,
    ready: undefined as Frame | undefined,
    async frame() {
      if (update.ready !== undefined) return update.ready
      making ??= make()
      return making
    },
  }
  return update
}
