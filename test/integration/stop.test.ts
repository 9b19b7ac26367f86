/** How the service stops while it is being talked to. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
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
    expect(milliseconds).toBeLessThan(10_000)
    await closed
  })
})
