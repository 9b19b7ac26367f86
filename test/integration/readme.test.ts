/** What the docs show of GraphQL, run as it is written. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

interface Operation {
  name: string
  query: string
  /** What the JSON block after it says. */
  variables: Record<string, unknown>
}

function readOperations(): Operation[] {
  const text = ['docs/graphql.md', 'docs/live-updates.md']
    .map((page) => readFileSync(page, 'utf8'))
    .join('\n')
  const blocks = text.matchAll(/```graphql\n(.*?)```(?:\n\n```json\n(.*?)```)?/gs)
  // A schema that others write is nothing to run.
  const operations = [...blocks].filter(([, text = '']) => !text.startsWith('type '))
  return operations.map(([, query = '', variables = '{}']) => ({
    name: /^(?:query|mutation|subscription) (\w+)/.exec(query)?.[1] ?? query,
    query,
    variables: JSON.parse(variables),
  }))
}

const operations = readOperations()
let resources: Resources
let service: TestService
/** Ids that only exist once the service has something to name. */
let ids: Record<string, string>

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  const receiver = resources.use(await startReceiver(500))
  const { body } = await service.api.post('/v1/subscriptions', {
    endpointUrl: receiver.url,
    eventTypes: ['user.created'],
  })
  const event = await service.api.post('/v1/events', { type: 'user.created', data: {} })
  const dead = async () => (await service.api.get('/v1/deliveries?status=DEAD')).body.items
  await vi.waitUntil(async () => (await dead()).length === 1, { timeout: 5000 })
  ids = { delivery: (await dead())[0].id, event: event.body.eventId, subscription: body.id }
})
afterAll(() => resources[Symbol.asyncDispose]())

describe('GraphQL in the docs', () => {
  it('shows what people need first', () => {
    expect(operations.map(({ name }) => name)).toEqual([
      ...[
        'Subscribe',
        'TryAFilter',
        'Publish',
        'Cancel',
        'DeadLetterGroups',
        'DeadLetters',
        'Attempts',
        'TryAnEndpoint',
        'Events',
        'Operate',
        'Metrics',
        'Watch',
      ],
    ])
  })

  it.each(operations.filter(({ name }) => name !== 'Watch'))(
    '$name runs as it is written',
    async (operation) => {
      const { query, variables } = operation
      const asked = {
        query,
        variables: { ...(/\$(delivery|event|subscription)\b/.test(query) && ids), ...variables },
      }
      const { status, body } = await service.api.post('/graphql', asked)
      expect([status, body.errors]).toEqual([200, undefined])
    },
  )

  it('Watch shows a change as it happens', async () => {
    const { query } = operations.find(({ name }) => name === 'Watch') as Operation
    const stop = new AbortController()
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: {
        'x-api-key': 'key-of-the-tests',
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      body: JSON.stringify({ query, variables: { status: ['PENDING'] } }),
      signal: stop.signal,
    })
    expect(response.status).toBe(200)
    await service.api.post('/v1/events', { type: 'user.created', data: {} })
    let text = ''
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString()
      if (text.includes('"deliveryUpdated"')) break
    }
    expect(text).toContain('"status":"PENDING"')
    stop.abort()
  })
})
