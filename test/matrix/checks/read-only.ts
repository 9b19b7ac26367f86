/**
 * A failover that leaves connections open: the server refuses writes for a while. The service answers 503 to producers
 * and health checks, and recovers by itself.
 */
import { expect } from 'vitest'
import { startReceiver } from '../../support/receiver.js'
import type { Setup } from '../setup/setup.js'
import { createTopic, seconds, untilDelivered, webhookId } from './events.js'

/** About a second, with room for a busy machine. */
const REFUSES_WITHIN_MS = 5000
const WELL_WITHIN_MS = 10_000
/** So that each process gets more than one request. */
const TIMES_REFUSED = 8

export async function checkReadOnly({ service, postgres }: Setup): Promise<string> {
  await using receiver = await startReceiver(200)
  const topic = await createTopic(() => service.api, receiver, 'read-only')
  const accepted: string[] = []
  const publishOnce = async () => {
    const { status, headers, eventId } = await topic.publish()
    if (status === 202) accepted.push(eventId)
    return { status, mayRetry: headers.has('retry-after') }
  }
  const health = async () => (await service.api.get('/v1/health')).status

  await publishOnce()
  await postgres.setReadOnly(true)
  const readOnlyAt = performance.now()
  const refusing = { timeout: REFUSES_WITHIN_MS, interval: 50 }
  let writableAt: number
  let refusedAt: number
  try {
    await expect.poll(publishOnce, refusing).toEqual({ status: 503, mayRetry: true })
    await expect.poll(health, refusing).toBe(503)
    refusedAt = performance.now()
    for (let times = 0; times < TIMES_REFUSED; times++) {
      expect(await publishOnce()).toEqual({ status: 503, mayRetry: true })
      expect(await health()).toBe(503)
    }
  } finally {
    await postgres.setReadOnly(false)
    writableAt = performance.now()
  }

  const recovering = { timeout: WELL_WITHIN_MS, interval: 50 }
  await expect.poll(async () => (await publishOnce()).status, recovering).toBe(202)
  await expect.poll(health, recovering).toBe(200)
  const wellAt = performance.now()
  expect(wellAt - writableAt).toBeLessThan(WELL_WITHIN_MS)
  await untilDelivered(() => service.api, topic, accepted)
  expect(new Set(receiver.requests.map(webhookId))).toEqual(new Set(accepted))
  return `503 in ${seconds(refusedAt - readOnlyAt)}, 202 again in ${seconds(wellAt - writableAt)}`
}
