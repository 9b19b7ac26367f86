/**
 * What every user of the service relies on, from one end to the other, wherever it runs: an event is accepted,
 * delivered with a signature that verifies, retried after a failure, shown alike by REST, GraphQL, filters and live
 * updates.
 */
import { Webhook } from 'standardwebhooks'
import { expect } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import type { Client } from './client.js'
import { ask, untilLive, watchOverSse } from './graphql.js'
import { startReceiver } from './receiver.js'

const LIVE = 'subscription ($id: ID) { deliveryUpdated(subscriptionId: $id) { eventId status updatedAt } }'
const READ = `
  query ($id: ID!, $from: DateTime!) {
    event(id: $id) { createdAt status }
    events(filter: { createdAt: { from: $from } }) { edges { node { id } } }
  }`

/** In time for a slow machine: an event that takes longer counts as lost. */
const TIMEOUT_MS = 20_000
const MINUTE_MS = 60_000

async function deliveredEvent(api: Client, eventId: string) {
  const read = async () => (await api.get(`/v1/events/${eventId}`)).body
  await expect
    .poll(async () => (await read()).status, { timeout: TIMEOUT_MS, interval: 50 })
    .toBe('DELIVERED')
  return read()
}

export async function doMainJob(service: { url: string; api: Client }): Promise<void> {
  await using resources = createResources()
  const { api } = service
  const receiver = resources.use(await startReceiver())
  const type = `main-job.${Math.random().toString(36).slice(2)}`
  const subscribed = await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: [type] })
  expect(subscribed).toMatchObject({ status: 201 })
  const { id: subscriptionId, secret } = subscribed.body
  const watcher = resources.use(watchOverSse(service, LIVE, { id: subscriptionId }))
  const earlier: string[] = []
  await untilLive([watcher], async () => {
    earlier.push((await api.post('/v1/events', { type, data: {} })).body.eventId)
  })
  for (const eventId of earlier) await deliveredEvent(api, eventId)
  receiver.answerWith(500, 200)

  const publishedAt = Date.now()
  const published = await api.post('/v1/events', { type, data: { n: 1 } }, { 'idempotency-key': type })
  expect(published).toMatchObject({ status: 202, body: { deduplicated: false } })
  const { eventId } = published.body
  const event = await deliveredEvent(api, eventId)
  expect(event.deliveries).toMatchObject([{ status: 'SENT', attempts: 2, logs: [{}, {}] }])
  const requests = receiver.requests.filter(({ headers }) => headers['webhook-id'] === eventId)
  expect(requests).toHaveLength(2)
  for (const { body, headers } of requests) {
    new Webhook(secret).verify(body, headers as Record<string, string>)
    expect(JSON.parse(body)).toMatchObject({ createdAt: event.createdAt, payload: { data: { n: 1 } } })
  }
  expect(await api.post('/v1/events', { type, data: { n: 1 } }, { 'idempotency-key': type })).toMatchObject({
    status: 200,
    body: { eventId, deduplicated: true },
  })

  // The same instant everywhere, and close to the clock of whoever reads it.
  const createdAt = new Date(event.createdAt).getTime()
  expect(Math.abs(createdAt - publishedAt)).toBeLessThan(MINUTE_MS)
  const from = new Date(createdAt - MINUTE_MS).toISOString()
  const found = await ask(service, READ, { id: eventId, from })
  expect(found.event).toEqual({ createdAt: event.createdAt, status: 'DELIVERED' })
  expect(found.events.edges).toContainEqual({ node: { id: eventId } })
  const listed = await api.get(`/v1/deliveries?eventId=${eventId}&status=SENT`)
  expect(listed.body.items).toMatchObject([
    { eventId, status: 'SENT', updatedAt: event.deliveries[0].updatedAt },
  ])

  const lives = () =>
    watcher.results.map(({ data }) => data?.deliveryUpdated).filter((update) => update?.eventId === eventId)
  await expect
    .poll(() => ({ status: lives().at(-1)?.status, end: watcher.end }), { timeout: TIMEOUT_MS, interval: 20 })
    .toEqual({ status: 'SENT', end: undefined })
  expect(lives().at(-1)).toMatchObject({ updatedAt: event.deliveries[0].updatedAt })
  expect(lives().map(({ status }) => status)).toContain('FAILED')
}
