/** HTTP as bytes on a socket: what no client would send, and exactly what comes back. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

export interface RawOptions {
  /** Whether this side ends what it sends while it still reads. */
  isHalfClosed?: boolean
}

/** Sends bytes in Latin-1. @returns all that comes back, once the other side has ended the connection */
export async function exchange(url: string, bytes: string, { isHalfClosed = false }: RawOptions = {}) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  await once(socket, 'connect')
  socket.write(bytes, 'latin1')
  if (isHalfClosed) socket.end()
  const answer = await text(socket)
  socket.destroy()
  return answer
}

export interface RawAnswer {
  status: number
  headers: Headers
  body: string
}

/** @returns the answers that came one after another on a connection @throws Error for what is none */
export function readAnswers(received: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = Buffer.from(received)
  while (rest.length > 0) {
    const headLength = rest.indexOf('\r\n\r\n')
    const [line = '', ...lines] = rest.toString('utf8', 0, headLength).split('\r\n')
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]
    if (headLength < 0 || status === undefined) throw new Error(`No answer in HTTP/1.1: ${rest}`)
    const headers = new Headers(lines.map((each) => each.split(': ') as [string, string]))
    const bodyAt = headLength + 4
    const bodyEnd = bodyAt + Number(headers.get('content-length') ?? 0)
    answers.push({ status: Number(status), headers, body: rest.toString('utf8', bodyAt, bodyEnd) })
    rest = rest.subarray(bodyEnd)
  }
  return answers
}
