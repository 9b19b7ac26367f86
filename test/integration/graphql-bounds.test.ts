/** Bounds on the size of what one operation sends and leaves open; what is within them is answered as before. */
import { describe, expect, it } from 'vitest'
import { limits } from '../../src/graphql/limits.js'
import { TEST_KEY } from '../support/client.js'
import { ask, openSocket, post } from '../support/graphql.js'
import { expectRefused, many, refusals, setUpServices } from '../support/graphql-bounds.js'

const { start } = setUpServices()

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
