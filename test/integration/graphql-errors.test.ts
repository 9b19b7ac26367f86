/** Errors as GraphQL tells them, and what no foreign page can make a browser send. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { openSocket, post, type Result } from '../support/graphql.js'
import { type Settings, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Settings = {}) => resources.use(await startTestService('postgres', settings))
const cursor = (text: string) => Buffer.from(text).toString('base64')
const page =
  'query ($after: String, $first: Int) { events(after: $after, first: $first) { edges { cursor } } }'

describe('codes', () => {
  it('BAD_USER_INPUT is what is wrong with the document, its variables or its arguments', async () => {
    const service = await start()
    const wrong: [string, object?][] = [
      ['{'],
      [''],
      ['{ nothing }'],
      ['query A { __typename } query B { __typename }'],
      [page, { first: 'many' }],
      [page, { first: -1 }],
      ['{ events(filter: { createdAt: { from: "yesterday" } }) { edges { cursor } } }'],
      ['{ events(filter: { status: [NO_STATUS] }) { edges { cursor } } }'],
      ['mutation { publishEvent(input: { type: "a", data: 1 }) { deduplicated } }'],
      [
        'mutation ($data: JSONObject!) { publishEvent(input: { type: "a", data: $data }) { deduplicated } }',
        { data: [] },
      ],
    ]
    for (const [query, variables] of wrong) {
      const { body } = await post(service, query, variables)
      expect([query, body.errors?.map(({ extensions }) => extensions.code)]).toEqual([
        query,
        ['BAD_USER_INPUT'],
      ])
    }
  })

  it('BAD_USER_INPUT is a cursor that this service has not given, however it is made', async () => {
    const service = await start()
    const ofOther = [
      '',
      'nonsense',
      cursor('GPC:S:nonsense'),
      cursor('GPC:I:9'),
      cursor('GPC:D:9'),
      cursor('GPC:J:[1]'),
    ]
    for (const after of ofOther) {
      for (const list of ['events', 'deliveries', 'subscriptions']) {
        for (const argument of ['after', 'before']) {
          const { body } = await post(
            service,
            `query ($cursor: String) { ${list}(${argument}: $cursor) { edges { cursor } } }`,
            { cursor: after },
          )
          expect([after, list, body.errors?.[0]?.extensions.code]).toEqual([after, list, 'BAD_USER_INPUT'])
        }
      }
    }
  })

  it('INTERNAL_SERVER_ERROR says nothing of what went wrong', async () => {
    const service = await start()
    await service.database.query('alter table "deliveryLogs" rename to "gone"')
    await service.database.query('alter table deliveries rename to "lost"')
    for (const query of [
      '{ deliveries { edges { node { lastError } } } }',
      '{ delivery(id: "01a20732-f2b4-788b-860a-f2d16f1150ba") { lastError } }',
    ]) {
      const { body } = await post(service, query)
      expect(body.errors).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }])
      expect(body.errors?.[0]?.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR' })
      expect(JSON.stringify(body)).not.toMatch(/prisma|sql|relation|lost|\.[jt]s\b|stack/i)
    }
  })

  it('BAD_USER_INPUT is a request by GET whose variables are not JSON', async () => {
    const { url } = await start()
    for (const name of ['variables', 'extensions']) {
      for (const value of ['{', '[1]', '"text"']) {
        const parameters = new URLSearchParams({ query: '{ __typename }', [name]: value })
        const response = await fetch(`${url}/graphql?${parameters}`, { headers: { 'x-api-key': TEST_KEY } })
        const { errors } = (await response.json()) as { errors: { extensions: object }[] }
        expect([value, response.status, errors[0]?.extensions]).toEqual([
          value,
          400,
          { code: 'BAD_USER_INPUT' },
        ])
      }
    }
  })
})

describe('the errors of an operation', () => {
  const operations: [string, object][] = [
    ['{', {}],
    ['{ nothing }', {}],
    ['query A { __typename } query B { __typename }', {}],
    [page, { first: 'many' }],
    ['{ events(after: "nonsense") { edges { cursor } } }', {}],
    ['{ events(filter: { subscriptionId: "nope" }) { edges { cursor } } }', {}],
    [`{ ${Array.from({ length: 300 }, (_, index) => `a${index}: __typename`).join(' ')} }`, {}],
    ['mutation { publishEvent(input: { type: "a", data: 1 }) { deduplicated } }', {}],
  ]

  it.each(operations)('are the same over HTTP, SSE and WebSocket: %s', async (query, variables) => {
    const service = await start()
    const { errors } = (await post(service, query, variables)).body
    const overSse = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: {
        'x-api-key': TEST_KEY,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      body: JSON.stringify({ query, variables }),
    })
    const [, data = '{}'] = /^data: (.*"errors".*)$/m.exec(await overSse.text()) ?? []
    const socket = await openSocket(service, TEST_KEY)
    socket.send({ type: 'subscribe', id: '1', payload: { query, variables } })
    const answer = () => socket.messages.find(({ id }) => id === '1')?.payload as Result | undefined
    await expect.poll(answer).toBeDefined()
    // A refused operation is answered with the errors alone.
    const overSocket = answer()?.errors ?? answer()
    expect(errors?.length).toBeGreaterThan(0)
    expect([JSON.parse(data).errors, overSocket]).toEqual([errors, errors])
    socket.close()
  })
})

describe('a hash without a query, of a client with automatic persisted queries', () => {
  it('is not supported, by POST and GET, and the whole query with its hash is answered', async () => {
    const { url, api } = await start()
    const query = '{ __typename }'
    const extensions = { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } }
    const refused = {
      errors: [
        { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
      ],
    }
    const posted = await api.post('/graphql', { extensions, variables: {} })
    expect([posted.status, posted.body]).toEqual([200, refused])
    const parameters = new URLSearchParams({ extensions: JSON.stringify(extensions), variables: '{}' })
    const asked = await fetch(`${url}/graphql?${parameters}`, { headers: { 'x-api-key': TEST_KEY } })
    expect([asked.status, await asked.json()]).toEqual([200, refused])
    expect((await api.post('/graphql', { query, extensions })).body).toEqual({
      data: { __typename: 'Query' },
    })
  })

  it('is an error without the hash', async () => {
    const { api } = await start()
    const { body } = await api.post('/graphql', { extensions: {} })
    expect(body.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  })
})

describe('a page of another origin', () => {
  const origin = 'https://elsewhere.example'

  it('is told by no header that it may read, unless it is configured', async () => {
    const closed = await start()
    const ours = 'https://console.example'
    const open = await start({ CORS_ORIGINS: ours })
    const ask = async (url: string, from: string, method: string) => {
      const { headers } = await fetch(`${url}/graphql`, {
        method,
        headers: {
          'x-api-key': TEST_KEY,
          origin: from,
          ...(method === 'POST' && { 'content-type': 'application/json' }),
          ...(method === 'OPTIONS' && {
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'x-api-key,content-type',
          }),
        },
        ...(method === 'POST' && { body: '{"query":"{ __typename }"}' }),
      })
      return headers.get('access-control-allow-origin')
    }
    for (const method of ['POST', 'OPTIONS']) {
      expect(await ask(closed.url, origin, method)).toBeNull()
      expect([null, 'null', ours]).toContain(await ask(open.url, origin, method))
      expect(await ask(open.url, ours, method)).toBe(ours)
    }
  })

  it('can make a browser send nothing that runs: no form, no text, no mutation by GET', async () => {
    const { url, database } = await start()
    const query = 'mutation { publishEvent(input: { type: "a", data: {} }) { deduplicated } }'
    const form = new FormData()
    form.set('operations', JSON.stringify({ query }))
    form.set('map', '{}')
    const bodies: [RequestInit['body'], string?][] = [
      [form],
      [JSON.stringify({ query }), 'text/plain'],
      [new URLSearchParams({ query })],
      [query, 'application/graphql'],
      [JSON.stringify({ query }), ''],
    ]
    for (const [body, type] of bodies) {
      const headers = { 'x-api-key': TEST_KEY, origin, ...(type !== undefined && { 'content-type': type }) }
      const { status } = await fetch(`${url}/graphql`, { method: 'POST', headers, ...(body && { body }) })
      expect([type, status]).toEqual([type, 415])
    }
    const byGet = await fetch(`${url}/graphql?${new URLSearchParams({ query })}`, {
      headers: { 'x-api-key': TEST_KEY },
    })
    expect([byGet.status, byGet.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await database.query('select from events')).toHaveLength(0)
  })
})
