/**
 * Connects by TCP to the first of several addresses that answers ("happy eyeballs", RFC 8305 §5). The next attempt
 * starts when the one before fails or has taken 250 ms. Earlier attempts go on until one of all succeeds.
 *
 * Node.js's `autoSelectFamily` ends an attempt when it starts the next one. So a machine without IPv6 could never
 * reach an endpoint that has an IPv6 address and takes longer than 250 ms to answer by IPv4.
 */
import type { LookupAddress } from 'node:dns'
import { connect, type Socket } from 'node:net'

/** RFC 8305 §8: "Connection Attempt Delay". */
const NEXT_AFTER_MS = 250
/** The same as in undici. */
const READ_BUFFER_BYTES = 64 * 1024
const KEEP_ALIVE_AFTER_MS = 60_000

/**
 * @param addresses at least one, in the order of the resolver
 * @param signal ends the attempts
 * @throws the error of the only address, an AggregateError of several, or the signal's reason
 */
export function dial(addresses: LookupAddress[], port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const waiting = alternate(addresses)
    const underWay = new Set<Socket>()
    const errors: Error[] = []
    let nextTimer: NodeJS.Timeout | undefined

    function end(winner?: Socket): void {
      clearTimeout(nextTimer)
      waiting.length = 0
      for (const socket of underWay) if (socket !== winner) socket.destroy()
    }

    function attempt(): void {
      clearTimeout(nextTimer)
      const next = waiting.shift()
      if (next === undefined) return
      if (waiting.length > 0) nextTimer = setTimeout(attempt, NEXT_AFTER_MS)
      const options = { host: next.address, port, highWaterMark: READ_BUFFER_BYTES }
      const socket = connect(options)
      underWay.add(socket)
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER_MS)
      socket.once('connect', () => {
        end(socket)
        resolve(socket)
      })
      socket.on('error', (error) => {
        underWay.delete(socket)
        errors.push(error)
        if (waiting.length > 0) attempt()
        else if (underWay.size === 0) reject(errors.length === 1 ? error : new AggregateError(errors))
      })
    }

    signal.addEventListener('abort', () => {
      end()
      reject(signal.reason)
    })
    attempt()
  })
}

/** Alternates IPv6 and IPv4, beginning with the family of the first address (RFC 8305 §4). */
function alternate(addresses: LookupAddress[]): LookupAddress[] {
  if (addresses.length < 3) return [...addresses]
  const preferred = addresses.filter(({ family }) => family === addresses[0]?.family)
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const turns = Array.from({ length: Math.max(preferred.length, others.length) }, (_, turn) => [
    preferred[turn],
    others[turn],
  ])
  return turns.flat().filter((address) => address !== undefined)
}
