/** How the service stops while it is being talked to. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { RECORD_MS, UNDER_WAY_MS } from '../../src/budgets.js'
import { TEST_KEY } from '../support/client.js'
import { startTestService } from '../support/service.js'
import { timed } from '../support/timed.js'

describe('a stop', () => {
  /** A connection whose request the service has begun to read; its body is still to be sent. */
  async function begin({ url }: { url: string }) {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const received: string[] = []
    socket.setEncoding('utf8').on('data', (chunk) => received.push(String(chunk)))
    const body = JSON.stringify({ type: 'user.created', data: {} })
    socket.write(
      `POST /v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: ${TEST_KEY}\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`,
    )
    await expect.poll(() => received.join('')).toContain('HTTP/1.1 100 Continue')
    return { socket, body, received }
  }

  it('answers the request that is under way, and does not wait for the keep-alive of its connection', async () => {
    const service = await startTestService('postgres')
    const { socket, body, received } = await begin(service)
    const [, milliseconds] = await timed(async () => {
      const stop = service[Symbol.asyncDispose]()
      socket.write(body)
      await stop
    })
    expect(received.join('')).toContain('HTTP/1.1 202 Accepted')
    expect(milliseconds).toBeLessThan(4000)
  })

  it('does not wait for ever for a client that never ends its request', async () => {
    const service = await startTestService('postgres')
    const { socket } = await begin(service)
    const closed = once(socket, 'close')
    const [, milliseconds] = await timed(async () => await service[Symbol.asyncDispose]())
    expect(milliseconds).toBeLessThan(UNDER_WAY_MS + RECORD_MS)
    await closed
  })

  /** A connection that is kept, and its requests one after the other. */
  function keepConnection({ url }: { url: string }) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = (path: string, body?: string) =>
      new Promise<{ status: number | undefined; connection: string | undefined; isReused: boolean }>(
        (resolve, reject) => {
          const headers = { 'x-api-key': TEST_KEY, 'content-type': 'application/json' }
          const method = body === undefined ? 'GET' : 'POST'
          const sent = request(url + path, { agent, method, headers }, (response) => {
            const { statusCode: status, headers } = response
            response.resume().once('end', () => {
              resolve({ status, connection: headers.connection, isReused: sent.reusedSocket })
            })
          })
          sent.once('error', reject).end(body)
        },
      )
    return { ask, agent }
  }
  const publication = JSON.stringify({ type: 'user.created', data: {} })
  const isRefused = (url: string) =>
    fetch(`${url}/v1/health`).then(
      () => false,
      ({ cause }) => cause?.code === 'ECONNREFUSED',
    )

  it('serves old and new connections in its grace, says so in health, and closes each after its answer', async () => {
    const service = await startTestService('postgres', { SHUTDOWN_GRACE_SECONDS: '1' })
    const { ask } = keepConnection(service)
    expect(await ask('/v1/events', publication)).toMatchObject({ status: 202, connection: 'keep-alive' })
    const stop = service[Symbol.asyncDispose]()
    expect(await ask('/v1/events', publication)).toEqual({ status: 202, connection: 'close', isReused: true })
    expect(await ask('/v1/events', publication)).toEqual({
      status: 202,
      connection: 'close',
      isReused: false,
    })
    const health = await fetch(`${service.url}/v1/health`)
    expect([health.status, await health.json()]).toMatchObject([503, { status: 'error', isStopping: true }])
    await stop
    expect(await isRefused(service.url)).toBe(true)
  })

  it('refuses connections after it, answers what still comes on an idle one, and then closes those', async () => {
    const service = await startTestService('postgres', { SHUTDOWN_GRACE_SECONDS: '1' })
    const [asking, silent] = [keepConnection(service), keepConnection(service)]
    await Promise.all([asking, silent].map(({ ask }) => ask('/v1/health')))
    const [socket] = Object.values(silent.agent.freeSockets).flat()
    const closed = once(socket as Socket, 'close')
    const stop = service[Symbol.asyncDispose]()
    await expect.poll(() => isRefused(service.url), { timeout: 5000 }).toBe(true)
    const answer = await asking.ask('/v1/events', publication)
    expect(answer).toEqual({ status: 202, connection: 'close', isReused: true })
    await stop
    await closed
  })
})
