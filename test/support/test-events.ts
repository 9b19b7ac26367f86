/** What tests of test events share: a subscription, and the calls by REST and by GraphQL. */
import { expect } from 'vitest'
import { ask } from './graphql.js'
import type { TestService } from './service.js'

export const test = { type: 'order.created', data: { total: 12, note: 'é' } }
export const UNKNOWN = '0192f0c1-2345-7abc-8def-0123456789ab'

export const create = async ({ api }: Pick<TestService, 'api'>, endpointUrl: string, more: object = {}) => {
  const { status, body } = await api.post('/v1/subscriptions', {
    ...{ endpointUrl, eventTypes: ['user.created'] },
    ...more,
  })
  expect([status, body]).toMatchObject([201, {}])
  return body as { id: string; secret: string }
}

export const send = ({ api }: Pick<TestService, 'api'>, id: string, body: unknown = test) =>
  api.post(`/v1/subscriptions/${id}/test-event`, body)

export const SEND = `mutation ($id: ID!, $type: String!, $data: JSONObject!) {
  sendTestEvent(subscriptionId: $id, type: $type, data: $data) {
    event { id type isTest status deliveryCount payload { data metadata } }
    delivery { id eventId status attempts nextRunAt lastError lastStatusCode }
    log {
      attempt status statusCode error responseTimeMs timings { totalMs firstByteMs } remoteAddress
      request { headers body } response { headers body isTruncated }
    }
    errors { code message ... on InvalidInputError { problems { path } } }
  }
}`
export const sendByGraphQL = async (service: { url: string }, id: string, values: object = test) =>
  (await ask(service, SEND, { id, ...values })).sendTestEvent
