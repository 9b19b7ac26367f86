/** For a file or another program: a line for each change. What is about the connection begins with `#`. */
import type { Writable } from 'node:stream'
import { targetOf } from './target.js'
import { plain, type View } from './view.js'

export function createLines(output: Writable): View {
  const write = (...words: (string | number)[]) => output.write(`${plain(words.join(' ')).trimEnd()}\n`)
  return {
    show(delivery) {
      const { id, status, attempts, updatedAt, lastError, event } = delivery
      write(updatedAt, status, attempts, event.type, targetOf(delivery), id, lastError ?? '')
    },
    showStatus: (message) => void write('#', message),
    close() {},
  }
}
