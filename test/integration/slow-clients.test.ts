/** Clients that take their time, and too many of them: what they hold is given back within a bounded time. */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp } from '../../src/http/app.js'
import type { ConnectionLimits } from '../../src/http/connection-limits.js'
import { createHttpStop } from '../../src/http/stop-http.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createMetrics } from '../../src/telemetry/metrics.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { machineClock } from '../support/clock.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const limits: ConnectionLimits = {
  maxConnections: 100,
  headersTimeoutMs: 300,
  requestTimeoutMs: 600,
  idleTimeoutMs: 60_000,
  checkEveryMs: 50,
}

/** More than the buffers of two sockets hold. */
const LARGE = 50_000_000

async function serve(changed: Partial<ConnectionLimits> = {}) {
  const metrics = createMetrics(createServiceEvents(), {
    outbox: async () => ({ pending: 0, oldestAgeSeconds: 0 }),
    queueJobs: async () => ({}),
    deliveriesInFlight: () => 0,
    clockOffsetMs: () => 0,
  })
  const app = await createApp({
    maxBodyBytes: 1000,
    connections: { ...limits, ...changed },
    logger: pino({ level: 'silent' }),
    metrics,
    clock: machineClock,
    addressOf: () => undefined,
    healthChecks: {
      database: async () => undefined,
      engine: () => 'disabled',
      clock: () => ({ status: 'ok', offsetMs: 0 }),
    },
    stop: createHttpStop({ graceMs: 0 }),
  })
  // Takes as much as is sent.
  app.post('/echo', async (request) => request.body)
  app.get('/large', async () => 'x'.repeat(LARGE))
  resources.use({ [Symbol.asyncDispose]: () => app.close() })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { server: app.server, port: (app.server.address() as AddressInfo).port }
}

interface Connection {
  socket: Socket
  /** Everything that came, once the other side has ended it. */
  ended: Promise<string>
}

function open(port: number): Connection {
  const socket = connect(port, '127.0.0.1')
  resources.use({ [Symbol.asyncDispose]: async () => void socket.destroy() })
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {})
  const ended = once(socket, 'close').then(() => Buffer.concat(received).toString())
  return { socket, ended }
}

/** Sends a byte every few milliseconds, for as long as there is somebody to send it to. */
function drip(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), 20)
  socket.once('close', () => clearInterval(timer))
}

describe('a client that takes its time', () => {
  it('with its headers is answered by 408 and left', async () => {
    const { socket, ended } = open((await serve()).port)
    socket.write('GET /v1/health HTTP/1.1\r\nhost: x\r\nx-slow: ')
    drip(socket, 'a')
    expect(await ended).toMatch(/^HTTP\/1\.1 408 .*took too long to arrive/s)
  })

  it('with its body is answered by 408 and left', async () => {
    const { socket, ended } = open((await serve()).port)
    const headers = 'host: x\r\ncontent-type: application/json\r\ncontent-length: 900'
    socket.write(`POST /echo HTTP/1.1\r\n${headers}\r\n\r\n"`)
    drip(socket, 'a')
    expect(await ended).toMatch(/^HTTP\/1\.1 408 .*took too long to arrive/s)
  })

  it('and says nothing at all is left', async () => {
    const { ended } = open((await serve()).port)
    expect(await ended).toMatch(/^(HTTP\/1\.1 408 .*)?$/s)
  })

  it('and does not read its answer is left', async () => {
    const { server, port } = await serve({ idleTimeoutMs: 300 })
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const { socket } = open(port)
    socket.pause()
    socket.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n')
    const [itsOtherEnd] = await accepted
    await once(itsOtherEnd, 'close')
    expect(socket.bytesRead).toBeLessThan(LARGE)
  })
})

describe('too many clients', () => {
  it('are closed as they come, and those that were there go on', async () => {
    const { port } = await serve({ maxConnections: 2 })
    const request = 'GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n'
    const inside = [open(port), open(port)]
    for (const { socket } of inside) {
      socket.write(request)
      await once(socket, 'data')
    }
    const outside = open(port)
    outside.socket.write(request)
    expect(await outside.ended).toBe('')
    for (const { socket } of inside) {
      socket.write(request)
      expect(String((await once(socket, 'data'))[0])).toContain('200 OK')
    }
  })
})
