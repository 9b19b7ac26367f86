/**
 * Puts a refusal on a bare socket after the answers to earlier requests. A client may send several requests without
 * waiting (RFC 9112 §9.3.2), and takes the answers as they come: a refusal that overtakes an answer would be taken
 * for it.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The answers of each connection that were not sent when its last request came. */
const openAnswers = new WeakMap<Socket, ServerResponse[]>()
const refused = new WeakSet<Socket>()
const isOpen = ({ writableFinished }: ServerResponse): boolean => !writableFinished

export function watchAnswers(server: Server): void {
  server.prependListener('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
    openAnswers.set(socket, [...(openAnswers.get(socket) ?? []).filter(isOpen), answer])
  })
}

/**
 * Calls `refuse` once, after the answers to all requests that have arrived whole. An answer to another one is not
 * waited for: that request is what is refused.
 */
export function afterEarlierAnswers(socket: Socket, refuse: () => void): void {
  // Node.js reports each further byte of a connection that it can't read.
  if (refused.has(socket)) return
  refused.add(socket)
  const earlier = (openAnswers.get(socket) ?? []).filter((answer) => isOpen(answer) && answer.req.complete)
  let awaited = earlier.length
  if (awaited === 0) refuse()
  for (const answer of earlier) {
    answer.once('close', () => {
      awaited -= 1
      if (awaited === 0) refuse()
    })
  }
}
