/** Who gets in to GraphQL, what a single request may ask for, and what an answer may tell. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { openSocket, post, watches } from '../support/graphql.js'
import { type Settings, startTestService, type TestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Settings = {}) => resources.use(await startTestService('postgres', settings))
const production = { NODE_ENV: 'production', DATABASE_URL: 'postgresql://localhost/unused' }

const introspection = '{ __schema { types { name } } }'
const live = 'subscription { deliveryUpdated { id } }'
const json = { 'content-type': 'application/json' }

async function request({ url }: TestService, path: string, init: RequestInit = {}) {
  const response = await fetch(`${url}/graphql${path}`, {
    ...init,
    headers: { 'x-api-key': TEST_KEY, ...init.headers },
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text }
}
const asQuery = (query: string) => `?query=${encodeURIComponent(query)}`

describe('who has no key', () => {
  const strangers: [string, Record<string, string>][] = [
    ['without a key', { 'x-api-key': '' }],
    ['with a wrong key', { 'x-api-key': 'wrong' }],
  ]
  it.each(strangers)(
    '%s gets nothing by POST, GET and SSE, introspection included',
    async (_who, headers) => {
      const service = await start()
      for (const query of [
        '{ stats { eventsTotal } }',
        introspection,
        '{ __typename }',
        live,
        'not GraphQL',
      ]) {
        const body = JSON.stringify({ query })
        const sse = { accept: 'text/event-stream' }
        const refused = await Promise.all([
          request(service, '', { method: 'POST', body, headers: { ...json, ...headers } }),
          request(service, '', { method: 'POST', body, headers: { ...json, ...headers, ...sse } }),
          request(service, asQuery(query), { headers }),
          request(service, asQuery(query), { headers: { ...headers, ...sse } }),
        ])
        for (const { status, text } of refused) {
          expect(status).toBe(401)
          expect(JSON.parse(text)).toEqual({
            errors: [{ message: expect.any(String), extensions: { code: 'UNAUTHENTICATED' } }],
          })
        }
      }
    },
  )

  it('is shut out of a WebSocket: with a wrong key, without one, and before the connection is initialised', async () => {
    const service = await start()
    const init = (payload?: object) => ({ type: 'connection_init', payload })
    const subscribe = { type: 'subscribe', id: '1', payload: { query: introspection } }
    for (const [first, code] of [
      [init({ apiKey: 'wrong' }), 4401],
      [init({ apiKey: [TEST_KEY] }), 4401],
      [init({}), 4401],
      [init(), 4401],
      [subscribe, 4401],
      ['nonsense', 4400],
    ] as const) {
      const socket = await openSocket(service)
      socket.send(first)
      expect([await socket.closed, socket.messages]).toEqual([code, []])
    }
    // One that says nothing at all is not kept either.
    expect(await (await openSocket(service)).closed).toBe(4408)
  })

  it('is told by the reason of the close what it would be told over HTTP', async () => {
    const service = await start()
    const overHttp = async (apiKey: string) => (await post(service, '{ __typename }', {}, apiKey)).body.errors
    for (const [apiKey, payload] of [
      ['wrong', { apiKey: 'wrong' }],
      ['', {}],
    ] as const) {
      const socket = await openSocket(service)
      socket.send({ type: 'connection_init', payload })
      expect(await overHttp(apiKey)).toMatchObject([{ message: await socket.closeReason }])
      expect(await socket.closed).toBe(4401)
    }
  })

  it('may send its key as a header of the WebSocket handshake; the connection parameter wins', async () => {
    const service = await start()
    const socket = await openSocket(service, undefined, { 'x-api-key': TEST_KEY })
    socket.send({ type: 'connection_init' })
    await expect.poll(() => socket.messages).toMatchObject([{ type: 'connection_ack' }])
    socket.close()
    const other = await openSocket(service, undefined, { 'x-api-key': TEST_KEY })
    other.send({ type: 'connection_init', payload: { apiKey: 'wrong' } })
    expect(await other.closed).toBe(4401)
    const wrong = await openSocket(service, undefined, { 'x-api-key': 'wrong' })
    wrong.send({ type: 'connection_init' })
    expect(await wrong.closed).toBe(4401)
  })

  it('finds no WebSocket at another path, and none of another protocol', async () => {
    const { url } = await start()
    for (const [path, protocol] of [
      ['/other', 'graphql-transport-ws'],
      ['/graphql', 'graphql-ws'],
    ] as const) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocol)
      socket.on('error', () => {})
      await expect.poll(() => socket.readyState).toBe(WebSocket.CLOSED)
    }
  })
})

const nested = (levels: number) => {
  const pairs = Math.ceil((levels - 3) / 4)
  const open = '{ deliveries { edges { node { event '.repeat(pairs)
  return `{ events { edges { node ${open} { id } ${'} } } } '.repeat(pairs)} } } }`
}
const tooMuch: [string, string, RegExp][] = [
  ['a query 30 levels deep', nested(30), /depth of 3\d; at most 12/],
  [
    '1,000 aliases',
    `{ ${Array.from({ length: 1000 }, (_, index) => `a${index}: __typename`).join(' ')} }`,
    /breadth of 1000; at most/,
  ],
  ['5,000 times the same field', `{ ${'__typename '.repeat(4990)} }`, /breadth of \d+; at most|aborted/],
  ['more tokens than a query has', `{ ${'id '.repeat(10_000)} }`, /more that 5000 tokens/],
  [
    'pages of pages of pages',
    '{ events(first: 200) { edges { node { deliveries(first: 200) { edges { node { logs { error } } } } } } } }',
    /complexity of \d+; at most 150000/,
  ],
  [
    'introspection that goes in circles',
    `{ __schema { types ${'{ fields { type '.repeat(6)} { name } ${'} } '.repeat(6)} } }`,
    /introspection depth|depth of/i,
  ],
  [
    '500 introspections in one',
    `{ ${Array.from({ length: 500 }, (_, index) => `a${index}: __schema { types { name } }`).join(' ')} }`,
    /breadth of|complexity of/,
  ],
  ['fragments in a circle', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }', /itself/],
]

describe('what a single request may ask for', () => {
  it.each(tooMuch)('%s is refused at once, over HTTP and WebSocket', async (_what, query, message) => {
    const service = await start()
    await post(service, '{ __typename }')
    const startedAt = performance.now()
    const { body } = await post(service, query)
    expect(performance.now() - startedAt).toBeLessThan(500)
    expect(body).toEqual({ errors: [expect.objectContaining({ message: expect.stringMatching(message) })] })
    expect(body.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')

    const socket = await openSocket(service, TEST_KEY)
    socket.send({ type: 'subscribe', id: '1', payload: { query } })
    await expect.poll(() => socket.messages.at(-1)?.type).toMatch(/error|complete/)
    const refused = JSON.stringify(socket.messages.find(({ id }) => id === '1'))
    expect(refused).toMatch(message)
    expect(refused).toContain('"code":"BAD_USER_INPUT"')
    socket.close()
  })

  it('counts what a live operation asks for too', async () => {
    const service = await start()
    const query = `subscription { deliveryUpdated { event ${nested(30)} } }`.replace(
      'event { events',
      'event { deliveries',
    )
    for (const [, watch] of watches) {
      const watcher = resources.use(watch(service, query))
      await expect.poll(() => JSON.stringify(watcher)).toMatch(/depth of \d+|Cannot query/)
    }
  })

  it('5 MB of body are refused at once, over HTTP and WebSocket', async () => {
    const service = await start()
    const payload = { query: '{ __typename }', variables: { text: 'x'.repeat(5_000_000) } }
    const startedAt = performance.now()
    const { status, text } = await request(service, '', {
      method: 'POST',
      headers: json,
      body: JSON.stringify(payload),
    })
    expect(performance.now() - startedAt).toBeLessThan(500)
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
    const socket = await openSocket(service, TEST_KEY)
    socket.send({ type: 'subscribe', id: '1', payload })
    expect(await socket.closed).toBe(1009)
  })

  it('a batch of 100 is refused at once, one of a few is answered', async () => {
    const service = await start()
    const send = (count: number) =>
      request(service, '', {
        method: 'POST',
        headers: json,
        body: JSON.stringify(Array.from({ length: count }, () => ({ query: '{ __typename }' }))),
      })
    expect(JSON.parse((await send(3)).text)).toHaveLength(3)
    const startedAt = performance.now()
    const { status, text } = await send(100)
    expect(performance.now() - startedAt).toBeLessThan(500)
    expect(status).toBe(413)
    expect(JSON.parse(text).errors).toMatchObject([
      { message: expect.stringContaining('limited to 10'), extensions: { code: 'BAD_USER_INPUT' } },
    ])
  })
})

describe('production', () => {
  it('tells nothing of the schema and has no GraphiQL, over WebSocket neither', async () => {
    const service = await start(production)
    expect((await post(service, '{ stats { eventsTotal } }')).body.errors).toBeUndefined()
    const { body } = await post(service, introspection)
    expect([body.data, body.errors?.[0]?.extensions.code]).toEqual([undefined, 'BAD_USER_INPUT'])
    const page = await request(service, '', { headers: { accept: 'text/html' } })
    expect(page.text).not.toContain('<html')
    const socket = await openSocket(service, TEST_KEY)
    socket.send({ type: 'subscribe', id: '1', payload: { query: introspection } })
    await expect.poll(() => socket.messages.at(-1)?.type).toBe('error')
    expect(JSON.stringify(socket.messages)).not.toContain('"__schema":')
    socket.close()
  })

  it('has them when they are asked for, and fills in no key', async () => {
    const service = await start({ ...production, GRAPHQL_INTROSPECTION: 'true', GRAPHIQL: 'true' })
    expect((await post(service, introspection)).body.data.__schema.types).not.toHaveLength(0)
    const page = await request(service, '', { headers: { accept: 'text/html', 'x-api-key': '' } })
    expect([page.status, page.text.includes('<html')]).toEqual([200, true])
    expect(page.text).not.toContain(TEST_KEY)
  })
})
