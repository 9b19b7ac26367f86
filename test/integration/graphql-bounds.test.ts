/** Bounds on the size of what one operation sends, reads and leaves open; what is within them is answered as before. */
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { limits } from '../../src/graphql/limits.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { ask, openSocket, post, watches } from '../support/graphql.js'
import { type Settings, startTestService, type TestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Settings = {}) => resources.use(await startTestService('postgres', settings))

/** An operation's errors over HTTP and over WebSocket, and how long both took. */
async function refusals(service: TestService, query: string, variables: object, operationName?: string) {
  await post(service, '{ __typename }')
  const payload = { query, variables, ...(operationName && { operationName }) }
  const startedAt = performance.now()
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
    body: JSON.stringify(payload),
  })
  const overHttp = await response.text()
  const socket = await openSocket(service, TEST_KEY)
  socket.send({ type: 'subscribe', id: '1', payload })
  await expect.poll(() => socket.messages.at(-1)?.type).toMatch(/error|complete/)
  const overSocket = JSON.stringify(socket.messages.find(({ id }) => id === '1'))
  socket.close()
  return { texts: [overHttp, overSocket], ms: performance.now() - startedAt }
}

async function expectRefused(service: TestService, message: RegExp, ...asked: [string, object, string?]) {
  const { texts, ms } = await refusals(service, ...asked)
  for (const text of texts) {
    expect(text).toMatch(message)
    expect(text).toContain('"code":"BAD_USER_INPUT"')
    expect(text.length).toBeLessThan(3000)
  }
  expect(ms).toBeLessThan(2000)
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`)

describe('lists and variables', () => {
  it('lists are capped, in variables and in the document', async () => {
    const service = await start()
    const byType = 'query ($type: [String!]) { events(filter: { type: $type }) { edges { cursor } } }'
    const byStatus = `query ($filter: DeliveryFilter) {
      events(first: 200) { edges { node { deliveries(filter: $filter) { edges { cursor } } } } } }`
    await expectRefused(service, /\$type has 20000 items; at most 200/, byType, { type: many(20_000) })
    await expectRefused(service, /\$filter\.status has 20000 items; at most 200/, byStatus, {
      filter: { status: Array(20_000).fill('DEAD') },
    })
    const written = `{ events(filter: { type: ${JSON.stringify(many(201))} }) { edges { cursor } } }`
    await expectRefused(service, /at most 200 items/, written, {})
    const live = 'subscription ($type: [String!]) { eventUpdated(type: $type) { id } }'
    await expectRefused(service, /\$type has 20000 items/, live, { type: many(20_000) })
    expect((await ask(service, byType, { type: many(200) })).events.edges).toEqual([])
    expect(
      (await ask(service, byStatus, { filter: { status: ['DEAD', 'DEAD', 'SENT'] } })).events,
    ).toBeDefined()
  })

  it("a list's length counts as often as its field", async () => {
    const service = await start()
    const aliases = many(20).map(
      (name) => `${name}: deliveries(first: 1, filter: { status: $status }) { edges { cursor } }`,
    )
    const query = `query ($status: [DeliveryStatus!]) { events(first: 200) { edges { node { ${aliases.join(' ')} } } } }`
    expect((await post(service, query, { status: ['DEAD'] })).body.errors).toBeUndefined()
    await expectRefused(service, /complexity of \d+; at most/, query, { status: Array(200).fill('DEAD') })
  })

  it('of several operations the one that is asked for is measured', async () => {
    const service = await start()
    const rows = 'edges { node { deliveries(first: 200) { edges { node { logs { error } } } } } }'
    const query = `query Small { __typename } query Large { events(first: 200) { ${rows} } }`
    await expectRefused(service, /complexity of \d+; at most/, query, {}, 'Large')
  })

  it('unknown fields of a variable are refused at once, a few are named and nothing is suggested', async () => {
    const service = await start()
    const query = 'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } } }'
    const input = { type: 'a', data: {}, ...Object.fromEntries(many(20_000).map((name) => [name, 1])) }
    await expectRefused(service, /\$input: Fields .*a0.*and 19997 more are not defined by type/, query, {
      input,
    })
    const one = await refusals(service, query, { input: { type: 'a', dta: {} } })
    for (const text of one.texts) expect(text).not.toMatch(/did you mean/i)
    await expectRefused(service, /a{100,}…/, query, { input: { type: { a: 'a'.repeat(50_000) }, data: {} } })
  })

  it('all variables together are bounded, and published JSON is not', async () => {
    const service = await start()
    const fields = many(20).map(
      (name) => `${name}: events(filter: { type: $${name} }) { pageInfo { endCursor } }`,
    )
    const declared = many(20).map((name) => `$${name}: [String!]`)
    const query = `query (${declared.join(' ')}) { ${fields.join(' ')} }`
    const variables = Object.fromEntries(many(20).map((name) => [name, many(150)]))
    await expectRefused(service, /more than 2000 values/, query, variables)
    const publish = 'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } } }'
    const data = Object.fromEntries(many(10_000).map((name) => [name, 1]))
    expect((await ask(service, publish, { input: { type: 'a', data } })).publishEvent.event.id).toBeDefined()
  })
})

const live = 'subscription { deliveryUpdated { id } }'

describe('live subscriptions', () => {
  it('are bounded for each WebSocket, and one that ends makes room', async () => {
    const service = await start()
    const socket = await openSocket(service, TEST_KEY)
    const subscribe = (id: number) =>
      socket.send({ type: 'subscribe', id: `${id}`, payload: { query: live } })
    for (let id = 0; id <= limits.livePerSocket; id++) subscribe(id)
    await expect.poll(() => socket.messages.filter(({ type }) => type === 'error')).toHaveLength(1)
    expect(JSON.stringify(socket.messages)).toContain('100 live subscriptions of this WebSocket are open')
    expect(JSON.stringify(socket.messages)).toContain('"code":"CONFLICT"')
    socket.send({ type: 'complete', id: '0' })
    subscribe(1000)
    // One too many again: when it is refused, the one before it has been let in or refused as well.
    subscribe(1001)
    const refused = () => socket.messages.filter(({ type }) => type === 'error').map(({ id }) => id)
    await expect.poll(refused).toEqual([`${limits.livePerSocket}`, '1001'])
    socket.close()
  })

  it('with nobody to read them are refused: accept, batch, GET and HEAD', async () => {
    const service = await start()
    const send = async (method: string, body: unknown, accept?: string, path = '') => {
      const response = await fetch(`${service.url}/graphql${path}`, {
        method,
        headers: {
          ...{ 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
          ...(accept && { accept }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return [response.status, await response.text()] as const
    }
    const asGet = `?query=${encodeURIComponent(live)}`
    const json = 'application/json'
    for (const [, text] of await Promise.all([
      send('POST', { query: live }, json),
      send('POST', [{ query: live }, { query: live }]),
      send('POST', [{ query: live }], 'text/event-stream, application/json'),
      send('GET', undefined, json, asGet),
    ])) {
      expect(text).toContain('A subscription has many answers')
      expect(text).toContain('"code":"BAD_USER_INPUT"')
    }
    expect((await send('POST', { query: live }, 'application/graphql-response+json'))[0]).toBe(400)
    expect((await send('HEAD', undefined, undefined, asGet))[0]).toBe(400)
  })
})

describe('what an answer reads', () => {
  const publishEvent =
    'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } } }'
  const publishLarge = (service: TestService, count: number) =>
    Promise.all(
      many(count).map(() =>
        ask(service, publishEvent, { input: { type: 'large', data: { text: 'x'.repeat(250_000) } } }),
      ),
    )
  const page = (first: number, fields: string) =>
    `{ events(first: ${first}, filter: { type: ["large"] }) { edges { node { ${fields} } } } }`

  it('is bounded by its size, however often and by whatever name a payload is shown', async () => {
    const service = await start()
    await publishLarge(service, 5)
    for (const fields of [
      many(10).map((name) => `${name}: payload { data }`),
      [`payload { ${many(10).map((name) => `${name}: data`)} }`],
    ]) {
      await expectRefused(service, /more than 10 MB of payloads/, page(5, fields.join(' ')), {})
      const { data } = (await post(service, page(3, fields.join(' ')))).body
      expect(JSON.stringify(data).length).toBeGreaterThan(7_500_000)
    }
    const batch = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
      body: JSON.stringify(Array(10).fill({ query: page(5, 'payload { data }') })),
    })
    expect(await batch.text()).toContain('more than 10 MB of payloads')
  })

  it('counts only until it is sent, for live updates too', async () => {
    const service = await start()
    await publishLarge(service, 5)
    const query = page(
      5,
      many(7)
        .map((name) => `${name}: payload { data }`)
        .join(' '),
    )
    for (let count = 0; count < 6; count++)
      expect((await post(service, query)).body.data.events.edges).toHaveLength(5)
    const fields = many(30).map((name) => `${name}: payload { data }`)
    const watched = `subscription { eventUpdated { ${fields.join(' ')} } }`
    for (const [, watch] of watches) {
      const watcher = resources.use(watch(service, watched))
      await expect
        .poll(
          async () => {
            await publishLarge(service, 1)
            return watcher.results.length
          },
          { timeout: 10_000 },
        )
        .toBeGreaterThan(3)
      for (const { errors } of watcher.results) expect(errors).toBeUndefined()
    }
  })

  it('counts the logs of deliveries by their stored size, before they are read', async () => {
    const service = await start()
    await service.api.post('/v1/subscriptions', {
      endpointUrl: 'http://127.0.0.1:9/',
      eventTypes: ['logged'],
    })
    await ask(service, publishEvent, { input: { type: 'logged', data: {} } })
    const added = `
      insert into "deliveryLogs" ("deliveryId", attempt, status, error, "responseTimeMs")
      select id, n, 'FAILED', repeat('x', 1000), 1 from deliveries, generate_series(1000, 3000) as n`
    await expect.poll(async () => (await service.api.get('/v1/deliveries')).body.items.length).toBe(1)
    await service.database.query(added)
    const logs = (count: number) =>
      `{ deliveries { edges { node { ${many(count)
        .map((name) => `${name}: logs { attempt }`)
        .join(' ')} } } } }`
    expect((await ask(service, logs(1))).deliveries.edges[0].node.a0.length).toBeGreaterThan(2000)
    await expectRefused(service, /more than 10 MB of payloads and logs/, logs(5), {})
    const errors = many(5).map((name) => `${name}: error`)
    const shown = `{ deliveries { edges { node { logs { ${errors.join(' ')} } } } } }`
    await expectRefused(service, /more than 10 MB of payloads and logs/, shown, {})
  })

  it('of the answers with one API key is bounded too, and is free again once they go unread', {
    timeout: 60_000,
  }, async () => {
    const otherKey = 'another-key-of-the-tests'
    const service = await start({ API_KEYS: `${TEST_KEY},${otherKey}` })
    await publishLarge(service, 5)
    const query = page(
      5,
      many(7)
        .map((name) => `${name}: payload { data }`)
        .join(' '),
    )
    const { hostname, port } = new URL(service.url)
    const body = JSON.stringify({ query })
    const head = `POST /graphql HTTP/1.1\r\nhost: a\r\nx-api-key: ${TEST_KEY}\r\ncontent-type: application/json\r\n`
    const sockets = many(2).map(() =>
      connect(Number(port), hostname)
        .on('error', () => {})
        .pause(),
    )
    const code = async () => (await post(service, query)).body.errors?.[0]?.extensions.code
    // The system's buffers take the first answers, and those that follow wait behind them.
    const codeAfterMore = () => {
      for (const socket of sockets) socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`)
      return code()
    }
    await expect.poll(codeAfterMore, { timeout: 20_000, interval: 300 }).toBe('SERVICE_UNAVAILABLE')
    await expect.poll(codeAfterMore, { timeout: 20_000, interval: 300 }).toBe('SERVICE_UNAVAILABLE')
    expect((await ask(service, '{ stats { eventsTotal } }')).stats.eventsTotal).toBe(5)
    const withOtherKey = (await post(service, query, {}, otherKey)).body
    expect([withOtherKey.errors, withOtherKey.data?.events.edges.length]).toEqual([undefined, 5])
    await expect.poll(code, { timeout: 40_000, interval: 500 }).toBeUndefined()
    for (const socket of sockets) socket.destroy()
  })
})

it('errors suggest no names where introspection is off, and do where it is on', async () => {
  const [silent, open] = await Promise.all([start({ GRAPHQL_INTROSPECTION: 'false' }), start()])
  const asked: [string, object][] = [
    ['{ statz { eventsTotal } }', {}],
    ['{ stats { eventTotal } }', {}],
    ['{ deliveries(firs: 1) { edges { cursor } } }', {}],
    ['query ($filter: DeliveryFiltr) { deliveries(filter: $filter) { edges { cursor } } }', {}],
    ['{ deliveries(filter: { statu: DEAD }) { edges { cursor } } }', {}],
    ['{ deliveries(filter: { status: [DED] }) { edges { cursor } } }', {}],
    [
      'query ($status: [DeliveryStatus!]) { deliveries(filter: { status: $status }) { edges { cursor } } }',
      { status: ['DED'] },
    ],
    [
      'subscription ($status: [DeliveryStatus!]) { deliveryUpdated(status: $status) { id } }',
      { status: ['DED'] },
    ],
  ]
  for (const [query, variables] of asked) {
    for (const text of (await refusals(silent, query, variables)).texts) {
      expect(text).toContain('"message"')
      expect(text).not.toMatch(/did you mean/i)
    }
    expect((await refusals(open, query, variables)).texts.join()).toMatch(/did you mean/i)
  }
})

it('an event has the same largest size over REST, GraphQL and WebSocket', async () => {
  const service = await start({ EVENT_MAX_BYTES: '2000' })
  const one =
    'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } errors { code } } }'
  const several =
    'mutation ($inputs: [PublishEventInput!]!) { publishEvents(inputs: $inputs) { event { id } } }'
  /** An event of so many bytes, half of them in characters of two. */
  const eventOf = (bytes: number) => {
    const event = { type: 'a', data: { text: 'é'.repeat(500) }, metadata: { pad: '' } }
    event.metadata.pad = 'x'.repeat(bytes - Buffer.byteLength(JSON.stringify(event)))
    return event
  }
  const total = async () => (await ask(service, '{ stats { eventsTotal } }')).stats.eventsTotal
  expect((await service.api.post('/v1/events', eventOf(2001))).status).toBe(413)
  for (const [query, variables] of [
    [one, { input: eventOf(2001) }],
    [several, { inputs: [eventOf(100 + 1900), eventOf(2001)] }],
  ] as const) {
    for (const text of (await refusals(service, query, variables)).texts) {
      expect(text).toContain('"code":"PAYLOAD_TOO_LARGE"')
      expect(text).toContain('EVENT_MAX_BYTES')
    }
  }
  expect(await total()).toBe(0)
  expect((await service.api.post('/v1/events', eventOf(2000))).status).toBe(202)
  for (const text of (await refusals(service, one, { input: eventOf(2000) })).texts)
    expect(text).toMatch(/"id":"/)
  expect(await total()).toBe(3)
})
