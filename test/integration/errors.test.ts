import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { expectProblem } from '../support/problem.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const MAX_BYTES = 1000
const UNKNOWN_ID = randomUUID()

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { EVENT_MAX_BYTES: String(MAX_BYTES) }))
})
afterAll(() => resources[Symbol.asyncDispose]())

// Whatever was sent, the next one is served.
afterEach(async () => expect((await service.api.get('/v1/health')).status).toBe(200))

interface Sent {
  headers?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
  key?: string | undefined
}

/** Bytes are sent without a content type. */
async function send(route: string, { headers = {}, body, key = TEST_KEY }: Sent = {}) {
  const [method = '', path] = route.split(' ')
  const response = await fetch(service.url + path, {
    method,
    headers: {
      ...(key !== '' && { 'x-api-key': key }),
      ...(typeof body === 'string' && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  })
  const answer = (await response.json()) as Record<string, unknown>
  return { status: response.status, headers: response.headers, body: answer }
}

const routes = (id: string) => ({
  withBody: ['POST /v1/events', 'POST /v1/subscriptions', `PATCH /v1/subscriptions/${id}`],
  lists: ['GET /v1/subscriptions', 'GET /v1/deliveries'],
  withId: [
    `GET /v1/events/${id}`,
    `GET /v1/events/${id}/summary`,
    `GET /v1/subscriptions/${id}`,
    `POST /v1/deliveries/${id}/retry`,
    `POST /v1/deliveries/events/${id}/retry`,
  ],
})
const { withBody, lists, withId } = routes(UNKNOWN_ID)
const guarded = [...withBody, ...lists, ...withId, 'GET /v1/stats']

describe('a key', () => {
  // Wrong ones are few here: after twenty in a minute they get another answer.
  it.each(guarded)('is needed for %s', async (route) => {
    for (const key of ['', 'wrong']) expectProblem(await send(route, { key }), 401)
  })

  it.each([`${TEST_KEY} x`, TEST_KEY.toUpperCase()])('is not %s', async (key) => {
    expectProblem(await send('GET /v1/stats', { key }), 401)
  })

  it.each([
    ['malformed', '{'],
    ['too large', ' '.repeat(MAX_BYTES + 1)],
    ['of no type', new TextEncoder().encode('{}')],
  ])('is looked at before a body that is %s', async (_what, body) => {
    for (const route of withBody) expectProblem(await send(route, { key: '', body }), 401)
  })

  it('is not needed for health, metrics and the documentation', async () => {
    for (const path of ['/v1/health', '/v1/metrics', '/openapi.json', '/docs']) {
      const response = await fetch(service.url + path)
      expect([path, response.status]).toEqual([path, 200])
      await response.body?.cancel()
    }
  })
})

describe('a body', () => {
  it.each(withBody)('that is no JSON is refused: %s', async (route) => {
    for (const body of ['{', '{"type":}', "{'type':'a'}", '\ufeff{}', '{}{}', 'undefined', ' ']) {
      expectProblem(await send(route, { body }), 400, '')
    }
  })

  it.each(withBody)('that is no object is refused: %s', async (route) => {
    for (const body of ['', 'null', '[]', '"text"', '1', 'true']) {
      expectProblem(await send(route, { body }), 400, '')
    }
  })

  it.each(withBody)('may not be missing: %s', async (route) => {
    expectProblem(await send(route), 400, '')
  })

  it.each(withBody)('is JSON by its content type or not taken: %s', async (route) => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'json']) {
      expectProblem(await send(route, { body: '{}', headers: { 'content-type': type } }), 415)
    }
    expectProblem(await send(route, { body: new TextEncoder().encode('{}') }), 415)
  })

  it('may have a content type with parameters', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' }
    expectProblem(await send('POST /v1/events', { body: '{"type":"a"}', headers }), 400, 'data')
  })

  it.each(withBody)('may have EVENT_MAX_BYTES bytes and no more: %s', async (route) => {
    expectProblem(await send(route, { body: `${' '.repeat(MAX_BYTES - 4)}"é"` }), 400, '')
    expectProblem(await send(route, { body: `${' '.repeat(MAX_BYTES - 3)}"é"` }), 413)
  })

  it('is measured even when it comes in chunks of no announced length', async () => {
    const chunk = Buffer.from(' '.repeat(100))
    const response = await fetch(`${service.url}/v1/events`, {
      method: 'POST',
      headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
      body: new ReadableStream({
        start(controller) {
          for (let sent = 0; sent <= MAX_BYTES; sent += chunk.length) controller.enqueue(chunk)
          controller.close()
        },
      }),
      duplex: 'half',
    } as RequestInit)
    const { status, headers } = response
    expectProblem({ status, headers, body: (await response.json()) as Record<string, unknown> }, 413)
  })

  it.each(withId.filter((route) => route.startsWith('POST')))(
    'is not needed for %s, whatever type it would have',
    async (route) => {
      expectProblem(await send(route, { headers: { 'content-type': 'application/json' } }), 404)
      expectProblem(await send(route, { body: '' }), 404)
      expectProblem(await send(route, { body: '{}' }), 404)
    },
  )
})

describe('an id', () => {
  it.each(withId)('that nothing has is not found: %s', async (route) => {
    expectProblem(await send(route), 404)
  })

  it.each([
    ['a word', 'abc'],
    ['a number', '1'],
    ['an id and more', `${UNKNOWN_ID}0`],
    ['NUL', '%00'],
    ['SQL', encodeURIComponent("' or 1=1; --")],
    ['a path', encodeURIComponent('../../etc/passwd')],
    ['beyond ASCII', '%F0%9F%98%80'],
    ['long', 'a'.repeat(5000)],
  ])('that is %s is not found', async (_what, id) => {
    for (const route of routes(id).withId) expectProblem(await send(route), 404)
    expectProblem(await send(`PATCH /v1/subscriptions/${id}`, { body: '{"isEnabled":true}' }), 404)
  })

  it('is the same in capitals', async () => {
    const { body } = await service.api.post('/v1/events', { type: 'a', data: {} })
    expect((await service.api.get(`/v1/events/${body.eventId.toUpperCase()}`)).body.id).toBe(body.eventId)
  })

  it('of a subscription that nothing has is not found by PATCH either', async () => {
    expectProblem(await send(withBody[2] as string, { body: '{"isEnabled":true}' }), 404)
  })
})

describe('a query', () => {
  it.each(lists)('of %s is checked', async (route) => {
    for (const limit of ['0', '-1', '201', '1.5', 'abc', '', '1e999', 'NaN', '%00']) {
      expectProblem(await send(`${route}?limit=${limit}`), 400, 'limit')
    }
    expectProblem(await send(`${route}?limit=1&limit=2`), 400, 'limit')
    for (const cursor of ['', 'abc', UNKNOWN_ID, '%00', 'a'.repeat(1000)]) {
      expectProblem(await send(`${route}?cursor=${cursor}`), 400, 'cursor')
    }
  })

  it.each(['', 'sent', 'SENT,DEAD', 'toString'])('refuses the status "%s"', async (status) => {
    expectProblem(await send(`GET /v1/deliveries?status=${status}`), 400, 'status')
  })

  it.each(['', 'yes', '1', 'TRUE'])('refuses enabled=%s', async (enabled) => {
    expectProblem(await send(`GET /v1/subscriptions?enabled=${enabled}`), 400, 'enabled')
  })

  it('may ask for deliveries of an id that nothing has: there are none', async () => {
    for (const name of ['eventId', 'subscriptionId']) {
      const { status, body } = await send(`GET /v1/deliveries?${name}=${UNKNOWN_ID.toUpperCase()}`)
      expect([status, body]).toEqual([200, { items: [], nextCursor: null }])
    }
  })

  it.each(['', 'abc', '%00', `${UNKNOWN_ID}0`])('refuses the id "%s"', async (id) => {
    for (const name of ['eventId', 'subscriptionId'])
      expectProblem(await send(`GET /v1/deliveries?${name}=${id}`), 400, name)
  })
})

describe('a route', () => {
  it.each([
    'GET /',
    'GET /v1',
    'GET /v2/events',
    'DELETE /v1/event',
    'GET /v1/events/',
    'PUT /v1/events/a/b',
    'POST /v1/eventsXsummary',
    'GET /%2e%2e/package.json',
    'GET /docs/static/%2e%2e%2f%2e%2e%2fpackage.json',
  ])('that there is not is not found: %s', async (route) => {
    expectProblem(await send(route), 404)
  })

  it.each([
    ['GET /v1/events', 'POST'],
    ['PUT /v1/events?type=a', 'POST'],
    ['OPTIONS /v1/events', 'POST'],
    ['PROPFIND /v1/events', 'POST'],
    ['OPTIONS /v1/events/batch', 'POST'],
    ['GET /v1/events/batch?limit=1', 'POST'],
    ['DELETE /v1/stats', 'GET, HEAD'],
    ['POST /v1/health', 'GET, HEAD'],
    ['POST /openapi.json', 'GET, HEAD'],
    [`DELETE /v1/subscriptions/${UNKNOWN_ID}`, 'GET, HEAD, PATCH'],
    [`GET /v1/deliveries/${UNKNOWN_ID}/retry`, 'POST'],
    [`PATCH /v1/deliveries/events/${UNKNOWN_ID}/retry`, 'POST'],
    ['PUT /graphql', 'GET, HEAD, POST'],
  ])('that is there for other methods says for which: %s', async (route, allowed) => {
    for (const key of [TEST_KEY, '']) {
      const answer = await send(route, { key })
      expectProblem(answer, 405)
      expect(answer.headers.get('allow')).toBe(allowed)
    }
  })

  it.each(['%', '%zz', '%E0%A4%A', '%ff'])('with the broken percent-encoding %s is refused', async (id) => {
    expectProblem(await send(`GET /v1/events/${id}`), 400, '')
  })
})

describe('a retry', () => {
  it('of a delivery that is PENDING or SENT is a conflict', async () => {
    const silent = resources.use(await startReceiver(() => {}))
    const good = resources.use(await startReceiver())
    for (const { url } of [silent, good]) {
      await service.api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: ['retried'] })
    }
    const { body } = await service.api.post('/v1/events', { type: 'retried', data: {} })
    const deliveries = async () =>
      (await service.api.get(`/v1/deliveries?eventId=${body.eventId}`)).body.items
    const states = async () => (await deliveries()).map(({ status }: { status: string }) => status).sort()
    await expect.poll(states, { timeout: 5000 }).toEqual(['PENDING', 'SENT'])
    for (const { id } of await deliveries()) {
      expectProblem(await send(`POST /v1/deliveries/${id}/retry`), 409)
    }
    const all = await service.api.post(`/v1/deliveries/events/${body.eventId}/retry`)
    expect([all.status, all.body]).toMatchObject([202, { retried: 0 }])
  })
})

it('HEAD is answered as GET is, without a body', async () => {
  const query = '/graphql?query=%7B__typename%7D'
  for (const path of ['/v1/stats', '/v1/deliveries?limit=1', '/v1/health', '/openapi.json', query]) {
    const send = (method: string) => fetch(service.url + path, { method, headers: { 'x-api-key': TEST_KEY } })
    const [head, get] = [await send('HEAD'), await send('GET')]
    expect([head.status, head.headers.get('content-type')]).toEqual([200, get.headers.get('content-type')])
    expect(await head.text()).toBe('')
    await get.arrayBuffer()
  }
})

it('a request may break off in the middle of its body', async () => {
  const { hostname, port } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const head = `POST /v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: ${TEST_KEY}\r\ncontent-type: application/json`
  await new Promise((sent) => socket.write(`${head}\r\ncontent-length: 100\r\n\r\n{"type":`, sent))
  socket.destroy()
  await once(socket, 'close')
})
