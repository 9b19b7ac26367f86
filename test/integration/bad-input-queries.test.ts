/** Queries and headers that make no sense: refused with the contract's answer, and never a 500. */
import { describe, expect, it } from 'vitest'
import { json, setUpBadInput } from '../support/bad-input.js'
import { expectProblem } from '../support/problem.js'
import { type ReceivedRequest, startReceiver } from '../support/receiver.js'

const { service, use, send } = setUpBadInput()

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
    for (const path of lists) expectProblem(await service().api.get(`${path}?limit=${limit}`), 400, 'limit')
  })

  it('with a parameter twice, or as a list, is refused where it would be ambiguous', async () => {
    for (const path of lists) {
      expectProblem(await service().api.get(`${path}?limit=1&limit=1`), 400, 'limit')
      expectProblem(await service().api.get(`${path}?cursor=a&cursor=b`), 400, 'cursor')
    }
    expectProblem(await service().api.get('/v1/deliveries?status=SENT&status=DEAD'), 400, 'status')
    expectProblem(await service().api.get('/v1/deliveries?eventId=a&eventId=b'), 400, 'eventId')
  })

  it('with nothing in it is answered', async () => {
    for (const path of lists) {
      for (const query of ['?', '?&&&']) expect((await service().api.get(path + query)).status).toBe(200)
    }
  })

  it('with parameters that there are not is refused', async () => {
    for (const query of ['?__proto__=1&constructor=1', '?%ff=%zz', '?=', `?${'a=1&'.repeat(1000)}`]) {
      for (const path of lists) expectProblem(await service().api.get(path + query), 400)
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
    const endpoint = use(await startReceiver())
    const escaped = '%0d%0ax-injected:%20yes%00'
    const { status } = await service().api.post('/v1/subscriptions', {
      endpointUrl: `${endpoint.url}/${escaped}?q=${escaped}&"<é>'#${escaped}`,
      eventTypes: ['injected'],
      secret: 'secret: x-injected: yes',
      description: injected,
    })
    expect(status).toBe(201)
    const { body } = await service().api.post(
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
