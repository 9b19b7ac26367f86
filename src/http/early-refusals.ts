/**
 * Refuses requests before Fastify routes them, and input that never becomes a request. The body is a problem here too;
 * Node.js alone would send no body.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { badInput } from '../errors.js'
import { afterEarlierAnswers, watchAnswers } from './pipelined-answers.js'
import { PROBLEM_TYPE } from './problem.js'

const UNKNOWN_VERSION = { status: 505, detail: 'This service speaks HTTP/1.1 and HTTP/1.0.' }

// https://nodejs.org/api/http.html#event-clienterror
const malformedRequests: Record<string, { status: number; detail: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'The headers are larger than this service takes.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The extensions of the chunks are too large.' },
  HPE_INVALID_VERSION: UNKNOWN_VERSION,
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
  afterEarlierAnswers(socket, () => endWith(socket, problemResponse(status, detail)))
}

function endWith(socket: Socket, response: string): void {
  if (socket.writable) socket.write(response)
  socket.destroySoon()
}

/** The whole response for a bare socket. The caller closes the socket after it. */
export function problemResponse(status: number, detail: string, more: Record<string, string> = {}): string {
  const { body, headers } = bareProblem(status, detail)
  const head = Object.entries({ ...headers, ...more }).map(([name, value]) => `${name}: ${value}`)
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
  watchAnswers(app.server)
  // https://nodejs.org/api/http.html#event-checkexpectation
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { body, headers } = bareProblem(
      417,
      'The only expectation that this service meets is 100-continue.',
    )
    response.writeHead(417, headers).end(body)
  })
  // Without a listener, Node.js closes the connection without an answer. No method is for the target of a tunnel.
  app.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    const refusal = problemResponse(405, 'This service is no proxy: it opens no tunnels.', { allow: '' })
    afterEarlierAnswers(socket, () => endWith(socket, refusal))
  })
  app.addHook('onRequest', ({ raw: { httpVersion, headers } }, reply, done) => {
    // Node.js also reads HTTP/0.9, and a request in HTTP/1.1 that says HTTP/2.0.
    if (!httpVersion.startsWith('1.')) {
      const { body, headers } = bareProblem(UNKNOWN_VERSION.status, UNKNOWN_VERSION.detail)
      return void reply.code(UNKNOWN_VERSION.status).headers(headers).send(Buffer.from(body))
    }
    // RFC 9112 §3.2. `limitConnections` turns this check off in Node.js.
    if (headers.host === undefined && httpVersion === '1.1')
      throw badInput([{ path: '', message: 'The header Host is missing.' }])
    done()
  })
}
