/** `POST /v1/events/import`: events as the lines of a body of any length. */
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { expectProblem } from '../support/problem.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(
    await startTestService('postgres', {
      EVENT_MAX_BYTES: '20000',
      API_KEYS: `${TEST_KEY},reader=read=key-of-a-reader`,
    }),
  )
})
afterAll(() => resources[Symbol.asyncDispose]())

const LINES = { 'content-type': 'application/x-ndjson' }
const send = (text: string, headers: Record<string, string> = {}) =>
  service.api.post('/v1/events/import', text, { ...LINES, ...headers })
const line = (n: number, more: object = {}) => JSON.stringify({ type: 'item.counted', data: { n }, ...more })
const countOf = async (type: string) =>
  (
    await service.database.query<{ count: number }>('select count(*)::int from events where type = $1', [
      type,
    ])
  )[0]?.count

describe('POST /v1/events/import', () => {
  it('tells which lines were not taken, and why', async () => {
    const first = await send(line(1, { eventId: 'kept' }))
    expect(first).toMatchObject({
      status: 200,
      body: { accepted: 1, deduplicated: 0, rejected: 0, errors: [] },
    })
    const { body } = await send(
      [
        line(0),
        line(1, { eventId: 'kept' }),
        '',
        line(2, { eventId: 'kept' }),
        '{"type": "item.counted", "data"',
        ` ${line(3)}\r`,
        line(4, { data: { text: 'x'.repeat(20_000) } }),
        line(5, { type: 'no spaces' }),
        `${line(6)}\n`,
      ].join('\n'),
    )
    expect(body).toMatchObject({ accepted: 3, deduplicated: 1, rejected: 4 })
    expect(body.errors).toMatchObject([
      { line: 4, error: { status: 422, type: 'urn:node-event-service:idempotency-mismatch' } },
      { line: 5, error: { status: 400, detail: expect.stringMatching(/not valid JSON/) } },
      { line: 7, error: { status: 413, detail: expect.stringMatching(/larger than the 20000 bytes/) } },
      { line: 8, error: { status: 400, errors: [{ path: 'type' }] } },
    ])
  })

  it('names the first hundred of the rejected lines', async () => {
    const { body } = await send('{}\n'.repeat(1500))
    expect([body.accepted, body.rejected, body.errors.length]).toEqual([0, 1500, 100])
  })

  it('keeps the data in the text of the producer', async () => {
    const data = '{ "b":1.0, "2": 12345678901234567890, "a" : "é\\u00e9" }'
    await send(`{"type": "text.kept", "data": ${data}}`)
    const rows = await service.database.query(
      `select data::text as data from events where type = 'text.kept'`,
    )
    expect(rows).toEqual([{ data }])
  })

  it('takes a hundred thousand lines, compressed, and not one more', async () => {
    const lines = Array.from({ length: 100_001 }, (_, n) => line(n, { type: 'many' })).join('\n')
    const compressed = gzipSync(lines)
    const answer = await fetch(`${service.url}/v1/events/import`, {
      method: 'POST',
      headers: { ...LINES, 'content-encoding': 'gzip', 'x-api-key': TEST_KEY },
      body: compressed,
    })
    const problem = (await answer.json()) as { detail: string }
    expect([answer.status, problem.detail]).toEqual([
      413,
      'An import takes at most 100000 events. Send the rest in another one. ' +
        'All lines up to line 100000 were taken, and none after it.',
    ])
    expect(await countOf('many')).toBe(100_000)
  })

  it('commits what came while the rest is still on its way, and keeps it when the rest never comes', async () => {
    const upload = request(`${service.url}/v1/events/import`, {
      method: 'POST',
      headers: { ...LINES, 'x-api-key': TEST_KEY },
    })
    upload.on('error', () => {})
    upload.write(`${line(0, { type: 'early' })}\n`.repeat(1000))
    await expect.poll(() => countOf('early')).toBe(1000)
    upload.write(line(1, { type: 'late' }))
    upload.destroy()
    expect(await send(line(2, { type: 'next' }))).toMatchObject({ status: 200 })
    expect(await countOf('late')).toBe(0)
  })

  it('refuses characters that are not UTF-8, and a line that never ends, each alone', async () => {
    const parts = [`${line(0)}\n"`, Buffer.from([0xff]), `"\n${'x'.repeat(100_000)}\n${line(1)}`]
    const answer = await fetch(`${service.url}/v1/events/import`, {
      method: 'POST',
      headers: { ...LINES, 'x-api-key': TEST_KEY },
      body: Buffer.concat(parts.map((part) => Buffer.from(part))),
    })
    expect(await answer.json()).toMatchObject({
      accepted: 2,
      errors: [
        { line: 2, error: { detail: 'The line is not valid UTF-8.' } },
        { line: 3, error: { status: 413 } },
      ],
    })
  })

  it.each([
    ['no line', '', {}, 400, 'holds no event'],
    ['lines without anything', '\n \n\r\n', {}, 400, 'holds no event'],
    ['another type', line(0), { 'content-type': 'application/json' }, 415, 'application/x-ndjson'],
  ])('refuses %s as a whole', async (_what, text, headers, status, detail) => {
    const answer = await send(text, headers)
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringContaining(detail)])
  })

  it('asks for the scope to publish', async () => {
    const reader = createClient(service.url, 'key-of-a-reader')
    expectProblem(await reader.post('/v1/events/import', line(0), LINES), 403)
  })
})

it.each(layouts)('each event arrives once, queue on %s', async (layout) => {
  const other = resources.use(await startTestService(layout))
  const receiver = resources.use(await startReceiver())
  await other.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['item.*'] })
  const lines = Array.from({ length: 1500 }, (_, n) => line(n)).join('\n')
  expect((await other.api.post('/v1/events/import', lines, LINES)).body).toMatchObject({ accepted: 1500 })
  await expect.poll(() => receiver.requests.length, { timeout: 30_000 }).toBe(1500)
  const ids = new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))
  expect(ids.size).toBe(1500)
})
