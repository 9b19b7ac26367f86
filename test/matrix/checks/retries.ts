/** An endpoint fails until the delivery is DEAD. A retry on request then succeeds. Live updates show each change. */
import { expect } from 'vitest'
import { createResources } from '../../../src/platform/resources.js'
import { untilLive, watchOverWebSocket } from '../../support/graphql.js'
import { startReceiver } from '../../support/receiver.js'
import { MAX_ATTEMPTS } from '../setup/service.js'
import type { Setup } from '../setup/setup.js'
import { createTopic, PATIENCE } from './events.js'

const LIVE = 'subscription ($id: ID) { deliveryUpdated(subscriptionId: $id) { eventId status } }'

export async function checkRetries({ service }: Setup): Promise<string> {
  await using resources = createResources()
  const { api } = service
  const receiver = resources.use(await startReceiver(500))
  const { subscriptionId, publish } = await createTopic(() => api, receiver, 'retries')
  const watcher = resources.use(watchOverWebSocket(service, LIVE, { id: subscriptionId }))
  await untilLive([watcher], publish)

  watcher.results.length = 0
  const { eventId } = await publish()
  const delivery = async () => (await api.get(`/v1/deliveries?eventId=${eventId}`)).body.items[0]
  await expect.poll(async () => (await delivery())?.status, PATIENCE).toBe('DEAD')
  receiver.answerWith(200)
  const { id, attempts } = await delivery()
  expect(attempts).toBe(MAX_ATTEMPTS)
  expect(await api.post(`/v1/deliveries/${id}/retry`)).toMatchObject({ status: 202, body: { retried: 1 } })
  await expect.poll(async () => (await delivery()).status, PATIENCE).toBe('SENT')
  expect(await delivery()).toMatchObject({ attempts: MAX_ATTEMPTS + 1 })

  const told = () =>
    watcher.results
      .map(({ data }) => data.deliveryUpdated)
      .filter((update) => update.eventId === eventId)
      .map(({ status }) => status)
  await expect.poll(told, PATIENCE).toEqual(expect.arrayContaining(['FAILED', 'DEAD', 'SENT']))
  expect(watcher.end).toBeUndefined()
  return `${MAX_ATTEMPTS} + 1 attempts, live updates`
}
