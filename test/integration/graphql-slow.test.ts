/** Live updates in bad company: clients that don't read, and a service that stops. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { watches, watchOverSse } from '../support/graphql.js'
import { channelOf } from '../support/redis-channel.js'
import { startOn, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const everything = 'subscription { deliveryUpdated { id status lastError } }'
const MB = 1024 * 1024

setFlagsFromString('--expose_gc')
const collectGarbage = runInNewContext('gc') as () => void
const heapUsed = () => {
  collectGarbage()
  return process.memoryUsage().heapUsed + process.memoryUsage().external
}

/** A client that sends, and never reads another byte once it has what `until` looks for. */
async function deafClient(url: string, request: string, frames: Buffer[] = []): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  resources.use({ [Symbol.asyncDispose]: async () => void socket.destroy() })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(request)
  await once(socket, 'data')
  socket.pause()
  for (const frame of frames) socket.write(frame)
  return socket
}

const deafOverSse = (url: string) =>
  deafClient(
    url,
    `GET /graphql?query=${encodeURIComponent(everything)} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${TEST_KEY}\r\n` +
      'accept: text/event-stream\r\n\r\n',
  )

const deafOverWebSocket = (url: string) =>
  deafClient(
    url,
    'GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
      'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'sec-websocket-protocol: graphql-transport-ws\r\n\r\n',
    [
      frame({ type: 'connection_init', payload: { apiKey: TEST_KEY } }),
      frame({ type: 'subscribe', id: '1', payload: { query: everything } }),
    ],
  )

/** A short text frame as RFC 6455 §5.2 has it, masked with zeros. */
function frame(message: object): Buffer {
  const text = Buffer.from(JSON.stringify(message))
  const length = text.length < 126 ? [0x80 | text.length] : [0x80 | 126, text.length >> 8, text.length & 0xff]
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), text])
}

const change = (id: string, text: string) => {
  const at = new Date()
  const delivery = { id, eventId: id, subscriptionId: id, status: 'FAILED', attempts: 1, lastStatusCode: 500 }
  return { ...delivery, nextRunAt: at, lastError: text, createdAt: at, updatedAt: at }
}

it.each([
  ['SSE', deafOverSse],
  ['WebSocket', deafOverWebSocket],
] as const)(
  'a client over %s that does not read costs bounded memory, is ended, and holds up nobody',
  {
    timeout: 60_000,
  },
  async (_name, startDeaf) => {
    const service = resources.use(await startTestService('redis'))
    const redis = service.redis?.client
    const channel = await channelOf(service.database, 'deliveries')
    const listeners = async () => (await redis?.pubsub('NUMSUB', channel))?.[1]
    for (let count = 0; count < 5; count++) await startDeaf(service.url)
    await expect.poll(listeners).toBe(1)

    const mine = '01a20732-f2b4-788b-860a-f2d16f1150ba'
    const query = `subscription { deliveryUpdated(eventId: "${mine}") { id lastError } }`
    const reader = watchOverSse(service, query)
    const heardOf = () => reader.results.map(({ data }) => data.deliveryUpdated.lastError)
    const beacon = () => redis?.publish(channel, JSON.stringify([change(mine, 'beacon')]))
    await expect
      .poll(async () => {
        await beacon()
        return heardOf()
      })
      .toContain('beacon')

    const before = heapUsed()
    // Each is of a delivery of its own: of one delivery, the newest change would stand for all.
    const batch = (count: number) =>
      Array.from({ length: 50 }, (_, index) => change(`${count}-${index}`, 'x'.repeat(1000)))
    for (let count = 0; count < 4000; count++) await redis?.publish(channel, JSON.stringify(batch(count)))
    await redis?.publish(channel, JSON.stringify([change(mine, 'after all')]))
    await expect.poll(heardOf, { timeout: 30_000 }).toContain('after all')
    expect((heapUsed() - before) / MB).toBeLessThan(100)

    // The last one to listen was the one that reads.
    await reader[Symbol.asyncDispose]()
    await expect.poll(listeners).toBe(0)
  },
)

it('live streams end in order when the service stops, and do not hold it up', async () => {
  const database = resources.use(await createTestDatabase())
  const service = await startOn(database, undefined)
  const running = watches.map(([, watch]) => resources.use(watch(service, everything)))
  await expect
    .poll(async () => {
      await fetch(`${service.url}/v1/events`, {
        method: 'POST',
        headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
        body: '{"type":"a","data":{}}',
      })
      return (await database.query('select from events')).length
    })
    .toBeGreaterThan(3)
  const startedAt = performance.now()
  await service[Symbol.asyncDispose]()
  expect(performance.now() - startedAt).toBeLessThan(5000)
  const [sse, webSocket] = running
  await expect.poll(() => sse?.end).toEqual({})
  // 1001: going away.
  await expect.poll(() => webSocket?.end).toMatchObject({ error: { code: 1001 } })
})
