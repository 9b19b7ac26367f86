/**
 * A kept-alive HTTP/1.1 connection that knows no more than the load needs: one request at a time, ready-made,
 * and of the answer its status. The load shares its cores with what it measures, so it has to be cheap.
 */
import { once } from 'node:events'
import { connect } from 'node:net'

export interface Connection {
  /** Sends a whole request. @param onAnswer gets the status, or 0 when the connection broke instead */
  send(request: Buffer, onAnswer: (status: number) => void): void
  readonly isOpen: boolean
  close(): void
}

const END_OF_HEAD = '\r\n\r\n'
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i

export async function openConnection(url: URL): Promise<Connection> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
  await once(socket, 'connect')
  let answerTo: ((status: number) => void) | undefined
  let received: Buffer = Buffer.alloc(0)

  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const status = readAnswer(received)
    if (status === undefined) return
    received = Buffer.alloc(0)
    settle(status)
  })
  socket.on('error', () => {})
  socket.on('close', () => settle(0))

  function settle(status: number): void {
    const answer = answerTo
    answerTo = undefined
    answer?.(status)
  }

  return {
    send(request, onAnswer) {
      answerTo = onAnswer
      if (socket.writable) socket.write(request)
      else settle(0)
    },
    get isOpen() {
      return socket.writable
    },
    close: () => void socket.destroy(),
  }
}

/** @returns the status of the answer once all of it is there @throws Error when its length isn't told beforehand */
function readAnswer(received: Buffer): number | undefined {
  const headLength = received.indexOf(END_OF_HEAD)
  if (headLength < 0) return undefined
  const head = received.toString('latin1', 0, headLength)
  const contentLength = CONTENT_LENGTH.exec(head)?.[1]
  if (contentLength === undefined) throw new Error(`An answer without content-length:\n${head}`)
  const isWhole = received.length >= headLength + END_OF_HEAD.length + Number(contentLength)
  return isWhole ? Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)) : undefined
}
