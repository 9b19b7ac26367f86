/**
 * Limits how many bytes an endpoint can make this process read during one exchange, by counting at the socket. The
 * sender stops reading a long body and the parser limits headers, but an endpoint can also send interim responses,
 * chunk extensions or blank lines without end, and neither of the two sees those.
 */
import type { Socket } from 'node:net'

class ResponseTooLongError extends Error {
  override readonly name = 'ResponseTooLongError'
  readonly code = 'ANSWER_TOO_LONG'
}

/**
 * Destroys the socket when it reads more than `maxBytes` between two writes, which is during one exchange. Must be
 * called before the parser listens, so that the parser never gets more.
 */
export function limitResponses(socket: Socket, maxBytes: number): void {
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
      socket.destroy(new ResponseTooLongError('the answer is longer than is read'))
    }
  })
}
