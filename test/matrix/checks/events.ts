/** Publishes events of a type of its own and waits for their deliveries. */
import { expect } from 'vitest'
import type { Client } from '../../support/client.js'
import type { ReceivedRequest, Receiver } from '../../support/receiver.js'

/** Generous, for a busy machine. A delivery that takes longer counts as lost. */
export const PATIENCE = { timeout: 60_000, interval: 50 }

export interface Topic {
  subscriptionId: string
  type: string
  publish(): Promise<{ status: number; eventId: string; headers: Headers }>
}

/** A subscription to a type that no other subscription has. */
export async function createTopic(client: () => Client, receiver: Receiver, name: string): Promise<Topic> {
  const type = `${name}.${Math.random().toString(36).slice(2)}`
  const subscription = { endpointUrl: receiver.url, eventTypes: [type] }
  const { status, body } = await client().post('/v1/subscriptions', subscription)
  expect(status).toBe(201)
  return {
    ...{ type, subscriptionId: body.id },
    async publish() {
      const { status, body, headers } = await client().post('/v1/events', { type, data: {} })
      return { status, headers, eventId: body.eventId }
    },
  }
}

export const webhookId = ({ headers }: ReceivedRequest): string => String(headers['webhook-id'])

/** Waits until the subscription was sent exactly these events, and each delivery is `SENT`. */
export async function untilDelivered(client: () => Client, topic: Topic, eventIds: string[]): Promise<void> {
  const sent = async () => {
    const deliveries = await listDeliveries(client(), topic.subscriptionId)
    return deliveries.filter(({ status }) => status === 'SENT').length
  }
  await expect.poll(sent, PATIENCE).toBe(eventIds.length)
  const deliveries = await listDeliveries(client(), topic.subscriptionId)
  expect(deliveries.map(({ eventId }) => eventId).toSorted()).toEqual(eventIds.toSorted())
}

interface Delivery {
  eventId: string
  status: string
}

async function listDeliveries(client: Client, subscriptionId: string): Promise<Delivery[]> {
  const deliveries: Delivery[] = []
  let cursor: string | null = ''
  do {
    const path: string = `/v1/deliveries?subscriptionId=${subscriptionId}&limit=200${cursor && `&cursor=${cursor}`}`
    const { body } = await client.get<{ items: Delivery[]; nextCursor: string | null }>(path)
    deliveries.push(...body.items)
    cursor = body.nextCursor
  } while (cursor)
  return deliveries
}

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`
