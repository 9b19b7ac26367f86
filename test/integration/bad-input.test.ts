/** Bodies, headers and queries that break things elsewhere: each with the contract's answer, and never a 500. */
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import type { Result } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const MAX_BYTES = 262_144

let resources: Resources
let service: TestService
let receiver: Receiver

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { EVENT_MAX_BYTES: String(MAX_BYTES) }))
  receiver = resources.use(await startReceiver())
  await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['*'] })
})
afterAll(() => resources[Symbol.asyncDispose]())
afterEach(async () => expect((await service.api.get('/v1/health')).status).toBe(200))

const json = { 'content-type': 'application/json' }

async function send(path: string, body: string | Uint8Array<ArrayBuffer>, headers: object = json) {
  const response = await fetch(service.url + path, {
    method: 'POST',
    headers: { 'x-api-key': TEST_KEY, ...headers },
    body,
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
}

/** One publication by GraphQL, its `data` spelled as it is given. */
const publishByGraphQL = (data: string, rest: string = '') =>
  send(
    '/graphql',
    `{"query":"mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } errors { code } } }",
      "variables":{"input":{"type":"a","data":${data}${rest}}}}`,
  )

const nested = (levels: number) => '{"a":'.repeat(levels - 1) + '{}'.padEnd(levels + 1, '}')

/** What comes by REST is delivered and shown as the very text; by GraphQL, as the values that it means. */
const taken: [string, string][] = [
  ['SQL', `{"a":"'; drop table events; --","'); select 1; --":1}`],
  ['keys of the prototype', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'],
  ['names of methods', '{"toString":null,"toJSON":"a","hasOwnProperty":1,"then":{}}'],
  ['NUL and half surrogate pairs', '{"\\u0000":"\\u0000","\\ud83d":["\\udc00 \\ud83d"]}'],
  ['an integer beyond 2^53', '{"a":1152921504606846977,"b":-9223372036854775808}'],
  ['minus zero and whole decimals', '{"a":-0,"b":1.0,"c":1E2,"d":-0.0e-0}'],
  ['more digits than a double has', '{"a":0.1000000000000000055511151231257827}'],
  ['a number next to nothing', '{"a":1e-400}'],
  ['a name twice', '{"a":1,"a":{"b":2,"b":3}}'],
  ['keys that look like an index', '{"2":1,"1":2,"0":3}'],
  ['white space', ' {\n\t"a" :\r\n[ ] } '.trim()],
  ['a name of 100 KB', `{"${'k'.repeat(100_000)}":1}`],
  ['a name that is empty', '{"":{"":""}}'],
  ['100 levels', nested(100)],
  ['marks of order and of bytes', '{"a":"\u202e\ufeff\u2028"}'],
]

describe('what is unusual and right', () => {
  it.each(taken)('%s: REST delivers and shows the very text', async (_what, data) => {
    const { status, body } = await send('/v1/events', `{"type":"a","data":${data},"metadata":${data}}`)
    expect(status).toBe(202)
    const ours = () => receiver.requests.find(({ headers }) => headers['webhook-id'] === body.eventId)
    await expect.poll(ours, { timeout: 20_000 }).toBeDefined()
    const payload = `"payload":{"data":${data},"metadata":${data}}`
    expect(ours()?.body.endsWith(`,${payload}}`)).toBe(true)
    const shown = await fetch(`${service.url}/v1/events/${body.eventId}`, {
      headers: { 'x-api-key': TEST_KEY },
    })
    expect(await shown.text()).toContain(`,${payload},"status":`)
    const query = `{ event(id: "${body.eventId}") { payload { json } } }`
    const graphql = await service.api.post('/graphql', { query })
    expect(graphql.body.data.event.payload.json).toBe(`{"data":${data},"metadata":${data}}`)
    expect({}).not.toHaveProperty('polluted')
  })

  it.each(taken)('%s: GraphQL takes what JavaScript makes of it', async (_what, data) => {
    const { body } = await publishByGraphQL(data)
    expect(body).toMatchObject({ data: { publishEvent: { errors: [] } } })
    const { id } = body.data.publishEvent.event
    const asked = await send('/graphql', `{"query":"{ event(id: \\"${id}\\") { payload { data } } }"}`)
    expect(asked.text).toContain(`"data":${JSON.stringify(JSON.parse(data))}`)
    expect({}).not.toHaveProperty('polluted')
  })

  it('a field twice counts as it is given last', async () => {
    const { body } = await send('/v1/events', '{"type":"a","data":{"a":1},"data":{"b":2},"type":"b"}')
    expect((await service.api.get(`/v1/events/${body.eventId}`)).body).toMatchObject({
      type: 'b',
      payload: { data: { b: 2 } },
    })
  })

  it('a number that no double holds is kept by REST, and refused by GraphQL', async () => {
    for (const number of ['1e400', '-1e400']) {
      const { body } = await send('/v1/events', `{"type":"a","data":{"a":[${number}]}}`)
      const shown = await fetch(`${service.url}/v1/events/${body.eventId}`, {
        headers: { 'x-api-key': TEST_KEY },
      })
      expect(await shown.text()).toContain(`{"a":[${number}]}`)
      const refused = await publishByGraphQL(`{"a":[${number}]}`)
      expect(refused.body.data.publishEvent.errors).toEqual([{ code: 'BAD_USER_INPUT' }])
    }
  })
})

const notJson: [string, string | Uint8Array<ArrayBuffer>][] = [
  ['nothing', ''],
  ['white space', ' \n'],
  ['a resource', '{"type":"a","data":{'],
  ['two', '{"type":"a","data":{}}{}'],
  ['a mark of byte order', '\ufeff{"type":"a","data":{}}'],
  ['UTF-16', Buffer.from('{"type":"a","data":{}}', 'utf16le')],
  ['Latin-1', Buffer.from('{"type":"a","data":{"name":"J\xfcrgen"}}', 'latin1')],
  ['an overlong character', Buffer.from('{"type":"a","data":{"a":"\xc0\xaf"}}', 'latin1')],
  ['a surrogate in UTF-8', Buffer.from('{"type":"a","data":{"a":"\xed\xa0\x80"}}', 'latin1')],
  ['a bare NUL', '{"type":"a","data":{"a":"\0"}}'],
  ['a line break in a string', '{"type":"a","data":{"a":"\n"}}'],
  ['a comment', '{"type":"a",/* */"data":{}}'],
  ['a comma too many', '{"type":"a","data":{},}'],
  ['other quotes', "{'type':'a','data':{}}"],
  ['NaN', '{"type":"a","data":{"a":NaN}}'],
  ['Infinity', '{"type":"a","data":{"a":-Infinity}}'],
  ['a number with a zero first', '{"type":"a","data":{"a":01}}'],
  ['hexadecimal', '{"type":"a","data":{"a":0x1}}'],
  ['half an escape', '{"type":"a","data":{"a":"\\u12"}}'],
  ['a form', 'type=a&data={}'],
  ['XML', '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
  ['compressed', gzipSync('{"type":"a","data":{}}')],
]

describe('what is no JSON', () => {
  it.each(notJson)('%s is refused', async (_what, bytes) => {
    for (const path of ['/v1/events', '/v1/subscriptions']) {
      expectProblem(await send(path, bytes), 400, '')
    }
    const { status, body } = await send('/graphql', bytes)
    expect(status).toBe(400)
    expect(body.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  })
})

const wrongEvents: [string, string, string[]][] = [
  ['10,000 levels', `{"type":"a","data":${nested(10_000)}}`, ['data']],
  ['40,000 lists', `{"type":"a","data":{"a":${'['.repeat(40_000)}${']'.repeat(40_000)}}}`, ['data']],
  ['levels without end', '['.repeat(100_000), ['']],
  ['levels instead of a body', '['.repeat(100_000) + ']'.repeat(100_000), ['']],
  ['a field of the prototype', '{"type":"a","data":{},"__proto__":{"eventId":"k"}}', ['__proto__']],
  ['a field of every object', '{"type":"a","data":{},"constructor":1}', ['constructor']],
  ['a list for an object', '{"type":"a","data":[]}', ['data']],
  ['a text for an object', '{"type":"a","data":"{}"}', ['data']],
  ['an object for a text', '{"type":{"toString":"a"},"data":{}}', ['type']],
  ['a list for a text', '{"type":["a"],"data":{}}', ['type']],
  ['a number for a key', '{"type":"a","data":{},"eventId":1}', ['eventId']],
  ['a time that never was', '{"type":"a","data":{},"createdAt":"2026-02-30T00:00:00Z"}', ['createdAt']],
  ['a time before time', '{"type":"a","data":{},"createdAt":"0000-01-01T00:00:00Z"}', ['createdAt']],
  ['a time in 10000', '{"type":"a","data":{},"createdAt":"9999-12-31T23:59:59-23:59"}', ['createdAt']],
  ['a time in seconds', '{"type":"a","data":{},"createdAt":1769883643}', ['createdAt']],
  ['everything at once', '{"type":null,"data":null,"metadata":0,"x":{}}', ['type', 'data', 'metadata', 'x']],
]

describe('an event that is wrong', () => {
  it.each(wrongEvents)('with %s is refused', async (_what, text, paths) => {
    expectProblem(await send('/v1/events', text), 400, ...paths)
    const byGraphQL = await send(
      '/graphql',
      `{"query":"mutation ($input: PublishEventInput!) { publishEvent(input: $input) { errors { code } } }",
        "variables":{"input":${text}}}`,
    )
    expect([200, 400]).toContain(byGraphQL.status)
    const { data, errors } = byGraphQL.body
    const codes = data?.publishEvent.errors ?? errors.map((error: Problem) => error.extensions)
    expect(new Set(codes.map(({ code }: { code: string }) => code))).toEqual(new Set(['BAD_USER_INPUT']))
    expect({}).not.toHaveProperty('eventId')
  })

  it('with more bytes than are taken is refused', async () => {
    const data = `{"a":"${'a'.repeat(MAX_BYTES)}"}`
    expectProblem(await send('/v1/events', `{"type":"a","data":${data}}`), 413)
    expectProblem(await send('/v1/subscriptions', data), 413)
    const { status, body } = await publishByGraphQL(`{"a":"${'a'.repeat(2 * MAX_BYTES)}"}`)
    expect([status, body.errors[0].extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })
})

type Problem = NonNullable<Result['errors']>[number]

const wrongTypes: [string, object][] = [
  ['no type', {}],
  ['an empty type', { 'content-type': '' }],
  ['text', { 'content-type': 'text/plain' }],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a form of resources', { 'content-type': 'multipart/form-data; boundary=a' }],
  ['XML', { 'content-type': 'application/xml' }],
  ['a type that only begins like it', { 'content-type': 'application/jsonp' }],
  ['nonsense', { 'content-type': ';;;=,/' }],
]

describe('an operation that is wrong', () => {
  const query = '{ stats { eventsTotal } }'
  it.each([
    ['with a member that makes it look like a promise', JSON.parse(`{"query":"${query}","then":0}`)],
    ['with a field of the prototype', JSON.parse(`{"query":"${query}","__proto__":{"query":"a"}}`)],
    ['with a field of every object', { query, constructor: {} }],
    ['in a list of them', JSON.parse(`[{"query":"${query}","then":{}}]`)],
    ['with variables that are a list', { query, variables: [] }],
    ['with variables that are a text', { query, variables: 'a' }],
    ['that is an object', { query: { kind: 'Document' } }],
    ['that is nothing', { query: '' }],
    ['that is missing', {}],
    ['of no list', []],
    ['of a list of nothing', [null]],
    ['of a list of lists', [[[]]]],
  ])('%s is refused', async (_what, operation) => {
    const { status, body } = await send('/graphql', JSON.stringify(operation))
    // GraphQL over HTTP, for clients that ask for application/json: 200 where the body was one that it knows.
    expect([200, 400]).toContain(status)
    expect([body].flat()).toMatchObject([{ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }])
  })

  it('has variables of any name', async () => {
    const names = ['then', '__proto__', 'constructor', 'toJSON']
    const declared = names.map((name) => `$${name}: Int`).join()
    const used = names
      .map((name, index) => `a${index}: events(first: $${name}) { edges { cursor } }`)
      .join(' ')
    const variables = `{${names.map((name) => `"${name}":1`).join()}}`
    const body = `{"query":"query (${declared}) { ${used} }","variables":${variables}}`
    expect((await send('/graphql', body)).body.errors).toBeUndefined()
  })
})

describe('a body of a wrong type', () => {
  it.each(wrongTypes)('%s is refused', async (_what, headers) => {
    const body = Buffer.from('{"type":"a","data":{}}')
    for (const path of ['/v1/events', '/v1/subscriptions']) {
      expectProblem(await send(path, body, headers), 415)
    }
    const { status, body: answer } = await send(
      '/graphql',
      Buffer.from('{"query":"{ stats { eventsTotal } }"}'),
      headers,
    )
    expect(status).toBe(415)
    expect(answer).toEqual({
      errors: [{ message: expect.any(String), extensions: { code: expect.any(String) } }],
    })
  })
})

const lists = ['/v1/deliveries', '/v1/subscriptions']
const wrongLimits = [
  '-1',
  '0',
  '201',
  '1e9',
  '1e400',
  '-0',
  'abc',
  '',
  '1.5',
  'NaN',
  'null',
  '0x10',
  '1e1',
  ' 1',
  '١',
  '%00',
]

describe('an absurd query', () => {
  it.each(wrongLimits)('limit=%s is refused', async (limit) => {
    for (const path of lists) expectProblem(await service.api.get(`${path}?limit=${limit}`), 400, 'limit')
  })

  it('with a parameter twice, or as a list, is refused where it would be ambiguous', async () => {
    for (const path of lists) {
      expectProblem(await service.api.get(`${path}?limit=1&limit=1`), 400, 'limit')
      expectProblem(await service.api.get(`${path}?cursor=a&cursor=b`), 400, 'cursor')
    }
    expectProblem(await service.api.get('/v1/deliveries?status=SENT&status=DEAD'), 400, 'status')
    expectProblem(await service.api.get('/v1/deliveries?eventId=a&eventId=b'), 400, 'eventId')
  })

  it('with nothing in it is answered', async () => {
    for (const path of lists) {
      for (const query of ['?', '?&&&']) expect((await service.api.get(path + query)).status).toBe(200)
    }
  })

  it('with parameters that there are not is refused', async () => {
    for (const query of ['?__proto__=1&constructor=1', '?%ff=%zz', '?=', `?${'a=1&'.repeat(1000)}`]) {
      for (const path of lists) expectProblem(await service.api.get(path + query), 400)
    }
  })

  it.each([
    ['first: -1', 'BAD_USER_INPUT'],
    ['last: -1', 'BAD_USER_INPUT'],
    ['first: 1e9', 'BAD_USER_INPUT'],
    ['first: 9007199254740993', 'BAD_USER_INPUT'],
    ['first: "1"', 'BAD_USER_INPUT'],
    ['first: 2147483647', 'BAD_USER_INPUT'],
    ['first: 201', 'BAD_USER_INPUT'],
    ['first: 200', undefined],
    ['first: 0', undefined],
    ['filter: { createdAt: { from: "0000-01-01T00:00:00Z" } }', 'BAD_USER_INPUT'],
    ['filter: { createdAt: { from: "9999-12-31T23:59:59-23:59" } }', 'BAD_USER_INPUT'],
    ['filter: { createdAt: { from: "0001-01-01T00:00:00Z" } }', undefined],
    ['filter: { createdAt: { from: "2026-02-30T00:00:00Z" } }', 'BAD_USER_INPUT'],
    ['filter: { createdAt: { to: "1" } }', 'BAD_USER_INPUT'],
    ['filter: { status: [] }', undefined],
    ['filter: { status: "__proto__" }', 'BAD_USER_INPUT'],
  ])('of GraphQL: %s', async (asked, code) => {
    for (const list of ['events', 'deliveries']) {
      const query = `{ ${list}(${asked}) { edges { cursor } } }`
      const { body } = await send('/graphql', JSON.stringify({ query }))
      expect([asked, body.errors?.[0].extensions.code]).toEqual([asked, code])
    }
  })
})

describe('a header', () => {
  it('takes no key that is not printable ASCII', async () => {
    for (const key of ['', 'caf\xe9', 'a\tb', 'a'.repeat(256)]) {
      const answer = await send('/v1/events', '{"type":"a","data":{}}', { ...json, 'idempotency-key': key })
      expectProblem(answer, 400, 'Idempotency-Key')
    }
  })

  it('of a webhook comes from nothing that a user wrote, and its path is that of the URL', async () => {
    const injected = '\r\nx-injected: yes\r\n\r\n'
    const endpoint = resources.use(await startReceiver())
    const escaped = '%0d%0ax-injected:%20yes%00'
    const { status } = await service.api.post('/v1/subscriptions', {
      endpointUrl: `${endpoint.url}/${escaped}?q=${escaped}&"<é>'#${escaped}`,
      eventTypes: ['injected'],
      secret: 'secret: x-injected: yes',
      description: injected,
    })
    expect(status).toBe(201)
    const { body } = await service.api.post(
      '/v1/events',
      { type: 'injected', data: { [injected]: injected }, metadata: { [injected]: injected } },
      { 'idempotency-key': 'x-injected: yes' },
    )
    await expect.poll(() => endpoint.requests, { timeout: 20_000 }).toHaveLength(1)
    const { path, headers } = endpoint.requests[0] as ReceivedRequest
    expect(path).toBe(`/hook/${escaped}?q=${escaped}&%22%3C%C3%A9%3E%27`)
    expect(headers['webhook-id']).toBe(body.eventId)
    expect(Object.keys(headers).sort()).toEqual([
      ...['connection', 'content-length', 'content-type', 'host', 'user-agent'],
      ...['webhook-id', 'webhook-signature', 'webhook-timestamp'],
    ])
    expect(Object.values(headers).join()).not.toContain('injected')
  })
})
