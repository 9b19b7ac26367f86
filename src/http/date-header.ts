/** Sends the header `Date` with every answer (RFC 9110 §6.6.1), from the same clock as the times in the body. */
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../platform/clock.js'

const SECOND_MS = 1000

export function sendDateHeader(app: FastifyInstance, clock: Clock): void {
  /** All requests of a second share this text. */
  let date = { second: Number.NaN, text: '' }
  app.addHook('onRequest', (_request, reply, done) => {
    const second = Math.floor(clock.nowMs() / SECOND_MS)
    if (second !== date.second) date = { second, text: new Date(second * SECOND_MS).toUTCString() }
    reply.header('date', date.text)
    done()
  })
}
