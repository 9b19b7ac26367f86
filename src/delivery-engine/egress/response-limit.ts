/**
 * Bounds what an endpoint can make this process read during one exchange, by counting at the socket. The sender
 * stops reading a body early, and the parser bounds headers; but an endpoint can also send interim answers, chunk
 * extensions or blank lines without end, which reach neither.
 */
import type { Socket } from 'node:net'

class AnswerTooLongError extends Error {
  override readonly name = 'AnswerTooLongError'
  readonly code = 'ANSWER_TOO_LONG'
}

/**
 * Destroys the socket when more than `maxBytes` come between one writing to it and the next, which is one exchange.
 * To be called before the parser listens, so that it never sees what is too much.
 */
export function limitAnswers(socket: Socket, maxBytes: number): void {
  let written = 0
  let read = socket.bytesRead
  let readBefore = read

  socket.on('readable', () => {
    if (socket.bytesWritten !== written) {
      written = socket.bytesWritten
      readBefore = read
    }
    read = socket.bytesRead
    if (read - readBefore > maxBytes) {
      socket.destroy(new AnswerTooLongError('the answer is longer than is read'))
    }
  })
}
