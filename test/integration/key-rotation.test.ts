/** Keys in a file that is written anew while the service runs, and those who try keys that are none. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient as createWebSocketClient } from 'graphql-ws'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { hashKey } from '../../src/api-keys/api-key.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { openSocket, webSocketUrl } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'
import { startOn } from '../support/service.js'

let resources: Resources
let service: { url: string }
let file: string
/** Lines of its log. */
const told: string[] = []

/** As a tool for secrets does it: never is there half a file. */
async function writeKeys(...lines: string[]): Promise<void> {
  await writeFile(`${file}.new`, lines.join('\n'))
  await rename(`${file}.new`, file)
}

const statusWith = async (key: string) => (await createClient(service.url, key).get('/v1/stats')).status
const opens = async (key: string) => (await statusWith(key)) === 200
/** The file is looked at every two seconds. */
const soon = { timeout: 15_000, interval: 1000 }

beforeAll(async () => {
  resources = createResources()
  const directory = await mkdtemp(join(tmpdir(), 'node-event-service-keys-'))
  resources.use({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) })
  file = join(directory, 'keys')
  await writeKeys('old')
  const logger = pino({}, { write: (line: string) => void told.push(line) })
  const settings = { API_KEYS: 'fixed,unused', API_KEYS_FILE: file }
  service = resources.use(
    await startOn(resources.use(await createTestDatabase()), undefined, settings, logger),
  )
})
afterAll(() => resources[Symbol.asyncDispose]())

describe('a file of keys', () => {
  beforeEach(async () => {
    await writeKeys('# of the shop', 'old')
    await expect.poll(() => opens('old'), soon).toBe(true)
  })

  it('is read again when it changes, and the keys of the setting stay', async () => {
    await writeKeys('old', `shop=read=sha256:${hashKey('new').toString('hex')}`)
    await expect.poll(() => opens('new'), soon).toBe(true)
    expect(await opens('old')).toBe(true)
    await writeKeys('shop=read=new')
    await expect.poll(() => opens('old'), soon).toBe(false)
    expect([await opens('new'), await opens('fixed')]).toEqual([true, true])
  })

  it('that is wrong or gone leaves the keys as they were, and is told of without what it says', async () => {
    told.length = 0
    await writeKeys('next', 'shop=reed=new')
    await expect.poll(() => told.join(''), soon).toContain('API_KEYS_FILE#2 names a scope that there is not')
    expect([await opens('old'), await opens('next')]).toEqual([true, false])
    await rm(file)
    await expect.poll(() => told.join(''), soon).toContain('API_KEYS_FILE can not be read (ENOENT)')
    expect(await opens('old')).toBe(true)
    expect(told.join('')).not.toContain('reed')
  })

  it('ends what is followed with a key that it no longer has', async () => {
    const query = 'subscription { deliveryUpdated { id } }'
    const follow = (key: string) =>
      fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { accept: 'text/event-stream', 'content-type': 'application/json', 'x-api-key': key },
        body: JSON.stringify({ query }),
      })
    const [ends, staysOpen] = await Promise.all([follow('old'), follow('fixed')])
    const socket = await openSocket(service, 'old')
    const other = await openSocket(service, 'fixed')
    await writeKeys('new')
    await expect(ends.text()).rejects.toThrow()
    expect(await socket.closed).toBe(4401)
    other.send({ type: 'ping' })
    await expect.poll(() => other.messages.at(-1)).toEqual({ type: 'pong' })
    other.close()
    await staysOpen.body?.cancel()
  })
})

/** The codes that the WebSockets of a graphql-ws client are closed with, until it gives up. */
async function closeCodes(apiKey: string): Promise<number[]> {
  const codes: number[] = []
  const client = createWebSocketClient({
    url: webSocketUrl(service),
    webSocketImpl: WebSocket,
    connectionParams: { apiKey },
    retryAttempts: 2,
    retryWait: async () => {},
    on: { closed: (event) => codes.push((event as { code: number }).code) },
  })
  const error = await new Promise((resolve) =>
    client.subscribe(
      { query: '{ __typename }' },
      { next: resolve, error: resolve, complete: () => resolve(undefined) },
    ),
  )
  expect((error as { code: number }).code).toBe(codes.at(-1))
  return codes
}

describe('wrong keys', () => {
  it('end a client at once over WebSocket', async () => {
    expect(await closeCodes('wrong')).toEqual([4401])
  })

  it('are answered by 429 after the twentieth of a minute, as are right ones that were never used from here', async () => {
    const statuses: number[] = []
    for (let n = 1; n <= 25; n += 1) statuses.push(await statusWith(`guess-${n}`))
    expect(statuses.lastIndexOf(401)).toBeLessThan(20)
    const answer = await createClient(service.url, 'one more').get('/v1/stats')
    expectProblem(answer, 429)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(answer.body.detail).toMatch(/^Too many wrong API keys came from this address\. Try again in \d+ s/)

    const socket = await openSocket(service)
    socket.send({ type: 'connection_init', payload: { apiKey: 'guess' } })
    expect(await socket.closed).toBe(1013)
    expect(await socket.closeReason).toMatch(
      /^Too many wrong API keys came from this address\. Try again in \d+ s/,
    )
    // The limit passes, so the client goes on trying.
    expect(await closeCodes('unused')).toEqual([1013, 1013, 1013])
    expect(await opens('fixed')).toBe(true)
    expect(await statusWith('unused')).toBe(429)
    expect(await (await fetch(`${service.url}/v1/metrics`)).text()).toMatch(
      /auth_failures_total\{reason="limited"\} (?!0)\d/,
    )
  })
})
