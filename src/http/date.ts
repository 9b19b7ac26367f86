/** The header `Date` of every answer (RFC 9110 §6.6.1), by the clock that the times in its body are from. */
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../platform/clock.js'

const SECOND_MS = 1000

export function tellDate(app: FastifyInstance, clock: Clock): void {
  /** The same for all requests of a second. */
  let date = { second: Number.NaN, text: '' }
  app.addHook('onRequest', (_request, reply, done) => {
    const second = Math.floor(clock.nowMs() / SECOND_MS)
    if (second !== date.second) date = { second, text: new Date(second * SECOND_MS).toUTCString() }
    reply.header('date', date.text)
    done()
  })
}
