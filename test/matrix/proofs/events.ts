/** What the proofs share: a type of their own, published and looked for. */
import { expect } from 'vitest'
import type { Client } from '../../support/client.js'
import type { ReceivedRequest, Receiver } from '../../support/receiver.js'

/** In time for a busy machine: what takes longer counts as lost. */
export const PATIENCE = { timeout: 60_000, interval: 50 }

export interface Topic {
  subscriptionId: string
  type: string
  publish(): Promise<{ status: number; eventId: string; headers: Headers }>
}

/** A subscription of events that nobody else wants. */
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

/** Until these events are all that the subscription was sent, and each delivery of them is `SENT`. */
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
