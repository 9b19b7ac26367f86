/** `kill -9` with deliveries in flight: the next start makes them all, also those whose outcome was not recorded. */
import { expect } from 'vitest'
import { startReceiver } from '../../support/receiver.js'
import type { Setup } from '../setup/setup.js'
import { createTopic, PATIENCE, seconds, untilDelivered, webhookId } from './events.js'

const EVENTS = 20
const UNDER_WAY = 5

export async function checkCrash({ service }: Setup): Promise<string> {
  await using receiver = await startReceiver(() => {})
  const topic = await createTopic(() => service.api, receiver, 'crash')
  const published = await Promise.all(Array.from({ length: EVENTS }, topic.publish))
  expect(published.map(({ status }) => status)).toEqual(Array(EVENTS).fill(202))
  const eventIds = published.map(({ eventId }) => eventId)
  await expect.poll(() => receiver.requests.length, PATIENCE).toBeGreaterThanOrEqual(UNDER_WAY)
  await service.crash()
  const underWay = receiver.requests.length

  receiver.answerWith(200)
  await service.restart()
  const restartedAt = performance.now()
  await untilDelivered(() => service.api, topic, eventIds)
  // At least once: an attempt that ended during the kill may come a third time.
  const again = receiver.requests.slice(underWay).map(webhookId)
  expect(new Set(again)).toEqual(new Set(eventIds))
  return `${EVENTS} delivered, ${underWay} repeated, in ${seconds(performance.now() - restartedAt)}`
}
