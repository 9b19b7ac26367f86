/** A watch: how the transport of one watcher reads its frames. */
import type { Answer } from './answers.js'
import type { FeedReader } from './feed.js'
import { createFrame, type Frame } from './frames.js'
import type { Update } from './updates.js'

/** Frames that wait go out in one write, up to this. */
const MAX_WRITE_BYTES = 256 * 1024

export interface Watch {
  /**
   * Resolves with the frames that wait, at least one, and undefined at the end. The frames before have been sent.
   *
   * @throws Error that ends the subscription
   */
  next(): Promise<Frame[] | undefined>
  return(): void
}

export interface WatchOptions {
  reader: Pick<FeedReader<Update<unknown>>, 'next' | 'takeWhile' | 'return'>
  /** Counts the stored bytes until they are sent. */
  answer: Answer
  /** @returns what the watcher gets in place of an update that its answer has no room for */
  toResult(error: unknown): Parameters<typeof createFrame>[0]
}

export function createWatch({ reader, answer, toResult }: WatchOptions): Watch {
  function counted(frame: Frame): Frame {
    if (frame.storedBytes === 0) return frame
    try {
      answer.take(frame.storedBytes)
      return frame
    } catch (error) {
      return createFrame(toResult(error))
    }
  }

  return {
    async next() {
      answer.restart()
      const update = await reader.next()
      if (update === undefined) return undefined
      const first = await update.frame()
      const frames = [counted(first)]
      let bytes = first.json.length
      reader.takeWhile(({ ready }) => {
        if (ready === undefined || bytes + ready.json.length > MAX_WRITE_BYTES) return false
        bytes += ready.json.length
        frames.push(counted(ready))
        return true
      })
      return frames
    },
    return: () => reader.return(),
  }
}
