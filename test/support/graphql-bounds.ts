/** What tests of the bounds of GraphQL share: a service for each test, and refusals over HTTP and WebSocket. */
import { afterEach, beforeEach, expect } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from './client.js'
import { openSocket, post } from './graphql.js'
import { type Settings, startTestService, type TestService } from './service.js'

/** To be called once in a test file, outside of its tests. */
export function setUpServices() {
  let resources: Resources
  beforeEach(() => {
    resources = createResources()
  })
  afterEach(() => resources[Symbol.asyncDispose]())
  return {
    start: async (settings: Settings = {}) => resources.use(await startTestService('postgres', settings)),
    use: <Resource extends AsyncDisposable>(resource: Resource) => resources.use(resource),
  }
}

/** An operation's errors over HTTP and over WebSocket, and how long both took. */
export async function refusals(
  service: TestService,
  query: string,
  variables: object,
  operationName?: string,
) {
  await post(service, '{ __typename }')
  const payload = { query, variables, ...(operationName && { operationName }) }
  const startedAt = performance.now()
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
    body: JSON.stringify(payload),
  })
  const overHttp = await response.text()
  const socket = await openSocket(service, TEST_KEY)
  socket.send({ type: 'subscribe', id: '1', payload })
  await expect.poll(() => socket.messages.at(-1)?.type).toMatch(/error|complete/)
  const overSocket = JSON.stringify(socket.messages.find(({ id }) => id === '1'))
  socket.close()
  return { texts: [overHttp, overSocket], ms: performance.now() - startedAt }
}

/** Over HTTP and over WebSocket, shortly and soon. */
export async function expectRefused(
  service: TestService,
  message: RegExp,
  ...asked: [string, object, string?]
) {
  const { texts, ms } = await refusals(service, ...asked)
  for (const text of texts) {
    expect(text).toMatch(message)
    expect(text).toContain('"code":"BAD_USER_INPUT"')
    expect(text.length).toBeLessThan(3000)
  }
  expect(ms).toBeLessThan(2000)
}

/** Names that differ. */
export const many = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`)
