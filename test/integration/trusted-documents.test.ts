/** Trusted documents: production takes the operations of a file and no others, over every transport. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from '@graphql-codegen/cli'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { problemsOf } from '../support/config.js'
import { openEventStream } from '../support/event-stream.js'
import { openSocket } from '../support/graphql.js'
import { startTestService, type TestService } from '../support/service.js'

const resources = createResources()
const folder = mkdtempSync(join(tmpdir(), 'trusted-'))
const file = join(folder, 'persisted-documents.json')
let documents: Record<string, string>
let production: TestService

beforeAll(async () => {
  documents = await persistDocuments()
  production = await start('production')
})
afterAll(async () => {
  await resources[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** The file of GraphQL Code Generator, for the operations of the service's own client. */
async function persistDocuments(): Promise<Record<string, string>> {
  await generate(
    {
      schema: 'schema.graphql',
      documents: 'src/client/operations/*.graphql',
      generates: {
        [`${folder}/`]: {
          preset: 'client',
          presetConfig: { persistedDocuments: true, fragmentMasking: false },
        },
      },
      silent: true,
    },
    true,
  )
  return JSON.parse(readFileSync(file, 'utf8'))
}

const start = async (environment: string) =>
  resources.use(
    await startTestService('redis', {
      ...{ NODE_ENV: environment, GRAPHQL_TRUSTED_DOCUMENTS_FILE: file },
      DATABASE_URL: 'postgresql://in/place/of/the/embedded',
    }),
  )

const hashOf = (start: string): string =>
  Object.keys(documents).find((hash) => documents[hash]?.includes(start)) ?? ''

const post = (service: TestService, body: unknown) => service.api.post('/graphql', body)
const stats = { data: { stats: { eventsTotal: 0 } } }

describe('in production', () => {
  it('a hash runs its document, wherever a client puts it', async () => {
    const hash = hashOf('query Stats')
    expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/)
    const bare = hash.replace('sha256:', '')
    for (const body of [
      { documentId: hash },
      { documentId: bare },
      { doc_id: hash, variables: {} },
      { extensions: { persistedQuery: { version: 1, sha256Hash: bare } } },
      { query: documents[hash] },
    ])
      expect((await post(production, body)).body).toMatchObject(stats)
    for (const search of [
      `documentId=${hash}`,
      `extensions=${encodeURIComponent(JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hash } }))}`,
    ])
      expect((await production.api.get(`/graphql?${search}`)).body).toMatchObject(stats)
    expect((await post(production, [{ documentId: hash }, { documentId: hash }])).body).toMatchObject([
      stats,
      stats,
    ])
  })

  it('takes variables, and holds the document to the limits and the key', async () => {
    const publish = {
      documentId: hashOf('mutation PublishEvent('),
      variables: { input: { type: 'a', data: {} } },
    }
    expect((await post(production, publish)).body.data.publishEvent.event.type).toBe('a')
    const events = { documentId: hashOf('query Events('), variables: { first: 201 } }
    expect((await post(production, events)).body.errors[0].message).toContain('from 0 to 200')
    expect((await createClient(production.url, 'wrong').post('/graphql', publish)).status).toBe(401)
  })

  it('any other operation is refused', async () => {
    for (const body of [
      { query: '{ stats { eventsTotal } }' },
      { query: '{ __typename }' },
      { documentId: 'unknown' },
      { documentId: '__proto__' },
      { extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } },
      { query: '{ __typename }', documentId: hashOf('query Stats') },
    ]) {
      const { status, body: answer } = await post(production, body)
      expect([status, answer.data]).toEqual([400, undefined])
      expect(answer.errors).toMatchObject([
        {
          extensions: { code: 'BAD_USER_INPUT' },
          message: expect.stringContaining('trusted documents only'),
        },
      ])
    }
  })

  it('so it is over SSE', async () => {
    const live = (body: object) => openEventStream(production, body)
    const other = resources.use(await live({ query: 'subscription { deliveryUpdated { id } }' }))
    await expect
      .poll(() => other.results)
      .toMatchObject([{ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }])
    const known = resources.use(await live({ documentId: hashOf('subscription EventUpdated') }))
    await expect
      .poll(
        async () => {
          await post(production, {
            documentId: hashOf('mutation PublishEvent('),
            variables: { input: { type: 'b', data: {} } },
          })
          return known.results[0]?.data.eventUpdated.type
        },
        { timeout: 20_000 },
      )
      .toBe('b')
  })

  it('so it is over WebSocket', async () => {
    const socket = await openSocket(production, TEST_KEY)
    const answerTo = async (id: string, payload: object) => {
      socket.send({ type: 'subscribe', id, payload })
      await expect.poll(() => socket.messages.find((message) => message.id === id)).toBeDefined()
      return socket.messages.find((message) => message.id === id)
    }
    const hash = hashOf('query Stats')
    const persistedQuery = { version: 1, sha256Hash: hash }
    for (const [id, payload] of [
      ['1', { query: '', extensions: { persistedQuery } }],
      ['2', { query: '', documentId: hash }],
      ['3', { query: documents[hash] }],
    ] as const)
      expect(await answerTo(id, payload)).toMatchObject({ type: 'next', payload: { data: { stats: {} } } })
    for (const [id, payload] of [
      ['4', { query: '{ __typename }' }],
      ['5', { query: '', documentId: 'unknown' }],
    ] as const)
      expect(await answerTo(id, payload)).toMatchObject({
        type: 'error',
        payload: [{ message: expect.stringContaining('trusted documents only') }],
      })
    socket.close()
  })
})

it('in development other operations are taken too', async () => {
  const service = await start('development')
  expect((await post(service, { query: '{ stats { eventsTotal } }' })).body).toMatchObject(stats)
  expect((await post(service, { documentId: hashOf('query Stats') })).body).toMatchObject(stats)
  expect((await post(service, { documentId: 'unknown' })).body).toMatchObject({
    errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }],
  })
})

describe('a wrong file is one sentence at the start', () => {
  const other = join(folder, 'other.json')

  it.each([['[]'], ['{'], ['{"a": 1}'], ['"a"'], ['null']])('that is no map of documents: %s', (text) => {
    writeFileSync(other, text)
    expect(problemsOf({ GRAPHQL_TRUSTED_DOCUMENTS_FILE: other })).toEqual([
      expect.stringMatching(
        /^GRAPHQL_TRUSTED_DOCUMENTS_FILE must name a JSON file with a GraphQL document for each hash/,
      ),
    ])
  })

  it('that is empty, or that is not there', () => {
    writeFileSync(other, '{}')
    expect(problemsOf({ GRAPHQL_TRUSTED_DOCUMENTS_FILE: other })).toEqual([
      expect.stringMatching(/holds none$/),
    ])
    expect(problemsOf({ GRAPHQL_TRUSTED_DOCUMENTS_FILE: join(folder, 'none') })).toEqual([
      expect.stringMatching(/ENOENT/),
    ])
  })

  it.each([
    ['{ stats { no } }', /abc: Cannot query field "no"/],
    ['{', /abc: Syntax Error/],
  ])('with a document that does not fit: %s', async (document, message) => {
    writeFileSync(other, JSON.stringify({ abc: document }))
    await expect(startTestService('postgres', { GRAPHQL_TRUSTED_DOCUMENTS_FILE: other })).rejects.toThrow(
      message,
    )
  })
})
