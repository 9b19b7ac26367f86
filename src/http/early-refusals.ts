/**
 * Refuses requests before Fastify routes them, and input that never becomes a request. The body is a problem here too;
 * Node.js alone would send no body.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { badInput } from '../errors.js'
import { PROBLEM_TYPE } from './problem.js'

// https://nodejs.org/api/http.html#event-clienterror
const malformedRequests: Record<string, { status: number; detail: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'The headers are larger than this service takes.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The extensions of the chunks are too large.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request took too long to arrive.' },
}

/** Answers a malformed request on its bare socket, and ends the connection. */
export function refuseMalformedRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, detail } = malformedRequests[error.code ?? ''] ?? {
    status: 400,
    detail: 'What was sent is not a valid HTTP request.',
  }
  socket.write(problemResponse(status, detail))
  socket.destroySoon()
}

/** The whole response for a bare socket. The caller closes the socket after it. */
export function problemResponse(status: number, detail: string): string {
  const { body, headers } = bareProblem(status, detail)
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('\r\n')}\r\n\r\n${body}`
}

function bareProblem(status: number, detail: string) {
  // RFC 9457 §4.2.1: a problem has this type when it means no more than its status code.
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail })
  const length = Buffer.byteLength(body)
  return {
    body,
    headers: { 'content-type': PROBLEM_TYPE, 'content-length': length, connection: 'close' },
  }
}

export function refuseBeforeRouting(app: FastifyInstance): void {
  // https://nodejs.org/api/http.html#event-checkexpectation
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { body, headers } = bareProblem(
      417,
      'The only expectation that this service meets is 100-continue.',
    )
    response.writeHead(417, headers).end(body)
  })
  // RFC 9112 §3.2. `limitConnections` turns this check off in Node.js.
  app.addHook('onRequest', ({ raw: { httpVersion, headers } }, _reply, done) => {
    if (headers.host === undefined && httpVersion === '1.1')
      throw badInput([{ path: '', message: 'The header Host is missing.' }])
    done()
  })
}
