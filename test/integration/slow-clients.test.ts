/** Clients that take their time, and too many of them: what they hold is given back within a bounded time. */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp } from '../../src/http/app.js'
import type { ConnectionLimits } from '../../src/http/connection-limits.js'
import type { ConnectionShareOptions } from '../../src/http/connection-share.js'
import { createHttpShutdown } from '../../src/http/http-shutdown.js'
import { parseCidr } from '../../src/platform/ip-ranges.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createMetrics } from '../../src/telemetry/metrics.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { machineClock } from '../support/clock.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const limits: ConnectionLimits & ConnectionShareOptions = {
  maxConnections: 100,
  maxConnectionsPerAddress: 100,
  trustedProxies: [],
  headersTimeoutMs: 300,
  requestTimeoutMs: 600,
  idleTimeoutMs: 60_000,
  checkEveryMs: 50,
}

/** More than the buffers of two sockets hold. */
const LARGE = 50_000_000

async function serve(changed: Partial<typeof limits> = {}) {
  const metrics = createMetrics(createServiceEvents(), {
    outbox: async () => ({ pending: 0, oldestAgeSeconds: 0, scheduled: 0 }),
    queueJobs: async () => ({}),
    pausedEndpoints: async () => 0,
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
    stop: createHttpShutdown({ graceMs: 0 }),
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
  const request = 'GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n'
  const echo = 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'

  it.each([
    ['of all', { maxConnections: 2 }],
    ['of one address', { maxConnectionsPerAddress: 2 }],
  ])('%s are told so, health answers them, and those that were there go on', async (_, changed) => {
    const { port } = await serve(changed)
    const inside = [open(port), open(port)]
    for (const { socket } of inside) {
      socket.write(request)
      await once(socket, 'data')
    }
    const outside = open(port)
    outside.socket.write(echo)
    expect(await outside.ended).toMatch(/^HTTP\/1\.1 503 .*connection: close.*as many connections as it may/s)
    const monitor = open(port)
    monitor.socket.write(request)
    expect(await monitor.ended).toMatch(/^HTTP\/1\.1 200 .*connection: close/s)
    for (const { socket } of inside) {
      socket.write(request)
      expect(String((await once(socket, 'data'))[0])).toContain('200 OK')
    }
  })

  it('leave no room for more than some, whoever they are, and what they leave is free again', async () => {
    const { port } = await serve({ maxConnectionsPerAddress: 1 })
    const sockets = Array.from({ length: 30 }, () => open(port))
    const answers = await Promise.all(sockets.slice(1).map(({ ended }) => ended))
    expect(answers.filter((answer) => answer !== '' && !answer.startsWith('HTTP/1.1 408'))).toEqual([])
    sockets[0]?.socket.destroy()
    await expect
      .poll(async () => {
        const next = open(port)
        next.socket.write(echo.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
        return next.ended
      })
      .toMatch(/^HTTP\/1\.1 200/)
  })

  it('behind a trusted proxy are its affair', async () => {
    const { port } = await serve({ maxConnectionsPerAddress: 1, trustedProxies: [parseCidr('127.0.0.1/32')] })
    for (let count = 0; count < 5; count += 1) {
      const { socket } = open(port)
      socket.write(echo)
      expect(String((await once(socket, 'data'))[0])).toContain('200 OK')
    }
  })
})
