/** What tests of bad input share: a service that has to survive them all, with an endpoint that wants every event. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from './client.js'
import { type Receiver, startReceiver } from './receiver.js'
import { startTestService, type TestService } from './service.js'

export const MAX_BYTES = 262_144

export const json = { 'content-type': 'application/json' }

export interface BadInputSetup {
  service(): TestService
  receiver(): Receiver
  use: Resources['use']
  /** Posts these very bytes. */
  send(path: string, body: string | Uint8Array<ArrayBuffer>, headers?: object): Promise<Sent>
  /** One publication by GraphQL, its `data` spelled as it is given. */
  publishByGraphQL(data: string): Promise<Sent>
}

interface Sent {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever the service answered
  body: any
}

/** To be called once in a test file, outside of its tests. */
export function setUpBadInput(): BadInputSetup {
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

  async function send(path: string, body: string | Uint8Array<ArrayBuffer>, headers: object = json) {
    const response = await fetch(service.url + path, {
      method: 'POST',
      headers: { 'x-api-key': TEST_KEY, ...headers },
      body,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
  }

  return {
    ...{ service: () => service, receiver: () => receiver, send },
    use: (resource) => resources.use(resource),
    publishByGraphQL: (data) =>
      send(
        '/graphql',
        `{"query":"mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } errors { code } } }",
          "variables":{"input":{"type":"a","data":${data}}}}`,
      ),
  }
}

/** JSON of so many levels. */
export const nested = (levels: number) => '{"a":'.repeat(levels - 1) + '{}'.padEnd(levels + 1, '}')
