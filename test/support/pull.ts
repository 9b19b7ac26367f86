/** What the tests of pulled deliveries have in common. */
import { createHmac } from 'node:crypto'
import { expect } from 'vitest'
import type { Client } from './client.js'

export interface Pulled {
  deliveryId: string
  eventId: string
  attempt: number
  leaseEndsAt: string
  webhook: { headers: Record<string, string>; body: string }
}

/** 24 bytes and more, as they are. */
export const SECRET = 'a-secret-of-the-consumers'

/** @returns the id of a subscription of kind PULL to events of type `a` */
export async function subscribeToPull(api: Client, more: object = {}): Promise<string> {
  const { status, body } = await api.post('/v1/subscriptions', {
    ...{ kind: 'PULL', eventTypes: ['a'], secret: SECRET },
    ...more,
  })
  expect([status, body.kind, body.endpointUrl]).toEqual([201, 'PULL', null])
  return body.id
}

/** Takes up to `limit` deliveries, and waits for the first of them. */
export async function take(api: Client, id: string, limit = 1, wait = 20): Promise<Pulled[]> {
  const { status, body } = await api.get(`/v1/subscriptions/${id}/feed?wait=${wait}&limit=${limit}`)
  expect(status).toBe(200)
  return body.items
}

/** Takes one, and fails where none comes. */
export async function takeOne(api: Client, id: string): Promise<Pulled> {
  const [pulled] = await take(api, id)
  expect(pulled).toBeDefined()
  return pulled as Pulled
}

export const acknowledge = (api: Client, { deliveryId, attempt }: Pulled) =>
  api.post(`/v1/deliveries/${deliveryId}/acknowledge`, { attempt })

export const reject = (api: Client, { deliveryId, attempt }: Pulled, error?: string) =>
  api.post(`/v1/deliveries/${deliveryId}/reject`, { attempt, error })

export const extend = (api: Client, { deliveryId, attempt }: Pulled, seconds: number) =>
  api.post(`/v1/deliveries/${deliveryId}/extend`, { attempt, seconds })

/** Signed like a webhook: Standard Webhooks, `v1`. */
export function expectSigned({ eventId, webhook: { headers, body } }: Pulled): void {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  expect(headers['webhook-id']).toBe(eventId)
  expect(headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`,
  )
}
