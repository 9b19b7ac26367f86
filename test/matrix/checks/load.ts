/** A short load: each event is accepted, and delivered once. The speed is for information. */
import { expect } from 'vitest'
import { startReceiver } from '../../support/receiver.js'
import type { Setup } from '../setup/setup.js'
import { createTopic, PATIENCE, untilDelivered, webhookId } from './events.js'

const EVENTS = 300
const CONNECTIONS = 16

export async function checkLoad({ service }: Setup): Promise<string> {
  await using receiver = await startReceiver(200)
  const topic = await createTopic(() => service.api, receiver, 'load')
  const eventIds: string[] = []
  let left = EVENTS
  async function produce(): Promise<void> {
    while (left-- > 0) {
      const { status, eventId } = await topic.publish()
      expect(status).toBe(202)
      eventIds.push(eventId)
    }
  }

  const startedAt = performance.now()
  await Promise.all(Array.from({ length: CONNECTIONS }, produce))
  await expect.poll(() => receiver.requests.length, PATIENCE).toBeGreaterThanOrEqual(EVENTS)
  const lastAt = Math.max(...receiver.requests.map(({ receivedAt }) => receivedAt))
  const perSecond = Math.round(EVENTS / ((lastAt - startedAt) / 1000))
  process.stdout.write(`${EVENTS} events at ${CONNECTIONS} connections: ${perSecond} a second\n`)

  // Once all events are delivered, no further request comes.
  await untilDelivered(() => service.api, topic, eventIds)
  expect(receiver.requests.map(webhookId).toSorted()).toEqual(eventIds.toSorted())
  return `${EVENTS} once, ${perSecond}/s`
}
