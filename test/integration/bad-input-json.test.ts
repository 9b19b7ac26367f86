/** Bodies that break JSON parsers elsewhere: what is right is kept as it is, and what is no JSON is refused. */
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { nested, setUpBadInput } from '../support/bad-input.js'
import { TEST_KEY } from '../support/client.js'
import { expectProblem } from '../support/problem.js'

const { service, receiver, send, publishByGraphQL } = setUpBadInput()

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
    const ours = () => receiver().requests.find(({ headers }) => headers['webhook-id'] === body.eventId)
    await expect.poll(ours, { timeout: 20_000 }).toBeDefined()
    const payload = `"payload":{"data":${data},"metadata":${data}}`
    expect(ours()?.body.endsWith(`,${payload}}`)).toBe(true)
    const shown = await fetch(`${service().url}/v1/events/${body.eventId}`, {
      headers: { 'x-api-key': TEST_KEY },
    })
    expect(await shown.text()).toContain(`,${payload},"status":`)
    const query = `{ event(id: "${body.eventId}") { payload { json } } }`
    const graphql = await service().api.post('/graphql', { query })
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
    expect((await service().api.get(`/v1/events/${body.eventId}`)).body).toMatchObject({
      type: 'b',
      payload: { data: { b: 2 } },
    })
  })

  it('a number that no double holds is kept by REST, and refused by GraphQL', async () => {
    for (const number of ['1e400', '-1e400']) {
      const { body } = await send('/v1/events', `{"type":"a","data":{"a":[${number}]}}`)
      const shown = await fetch(`${service().url}/v1/events/${body.eventId}`, {
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
