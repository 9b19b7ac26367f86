/** Writes the frames of a live subscription as messages of the protocol `graphql-transport-ws`. */
import type { Extra } from 'graphql-ws/use/ws'
import type { Frame } from './frames.js'
import type { Watch } from './watch.js'

interface SocketFramesOptions {
  /** Of the operation. */
  id: string
  extra: Extra
  maskError(error: unknown): Error
}

/**
 * For graphql-ws, which reads a subscription's results one by one: this writes them itself, all that wait in one write,
 * and comes to an end as the subscription does.
 */
export function writeFrames(
  watch: Watch,
  { id, extra, maskError }: SocketFramesOptions,
): AsyncIterableIterator<never> {
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      for (;;) {
        const frames = await watch.next().catch((error) => {
          throw maskError(error)
        })
        if (frames === undefined) return { value: undefined, done: true }
        await write(frames, id, extra)
      }
    },
    async return() {
      watch.return()
      return { value: undefined, done: true }
    },
  }
}

/** Resolves once the system has taken the last frame. */
async function write(frames: readonly Frame[], id: string, { socket, request }: Extra): Promise<void> {
  if (socket.readyState !== socket.OPEN) return
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  await new Promise<void>((resolve, reject) => {
    request.socket.cork()
    for (const [at, { json }] of frames.entries()) {
      const isLast = at === frames.length - 1
      socket.send(`${head}${json}}`, isLast ? (error) => (error ? reject(error) : resolve()) : undefined)
    }
    request.socket.uncork()
  })
}
