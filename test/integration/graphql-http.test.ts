/** GraphQL over HTTP: what its specification asks of a server, by the audits of `graphql-http`. */
import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { TEST_KEY } from '../support/client.js'
import { startTestService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startTestService('redis', { CORS_ORIGINS: 'https://console.example' })
})
afterAll(() => service[Symbol.asyncDispose]())

describe('the service', () => {
  const audits = serverAudits({
    url: () => `${service.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, { ...init, headers: { ...init.headers, 'x-api-key': TEST_KEY } }),
  })
  for (const { id, name, fn } of audits) {
    it(`${name} (${id})`, async () => {
      const result = await fn()
      if (result.status !== 'ok') throw new Error(`${result.status}: ${result.reason}`)
    })
  }
})
