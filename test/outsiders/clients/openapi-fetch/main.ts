import { setTimeout } from 'node:timers/promises'
import createClient from 'openapi-fetch'
import type { components, paths } from './schema.js'

type Delivery = components['schemas']['Delivery']

const setting = (name: string) => process.env[name] ?? ''
const client = createClient<paths>({
  baseUrl: setting('SERVICE_URL'),
  headers: { 'X-API-Key': setting('API_KEY') },
})
const eventType = setting('EVENT_TYPE')

const { data: subscription, error } = await client.POST('/v1/subscriptions', {
  body: { endpointUrl: setting('ENDPOINT_URL'), eventTypes: [eventType] },
})
if (error) throw new Error(error.detail)

async function publish(n: number): Promise<string> {
  const { data, error } = await client.POST('/v1/events', {
    params: { header: { 'Idempotency-Key': `${eventType}.${n}` } },
    body: { type: eventType, data: { n } },
  })
  if (error) throw new Error(error.detail)
  return data.eventId
}

async function page(cursor?: string) {
  const { data, error } = await client.GET('/v1/deliveries', {
    params: { query: { subscriptionId: subscription?.id, limit: 2, cursor } },
  })
  if (error) throw new Error(error.detail)
  return data
}

async function deliveryThatIs(status: Delivery['status']): Promise<Delivery> {
  for (;;) {
    const [delivery] = (await page()).items
    if (delivery?.status === status) return delivery
    await setTimeout(50)
  }
}

const first = await publish(1)
const dead = await deliveryThatIs('DEAD')
const retried = await client.POST('/v1/deliveries/{id}/retry', { params: { path: { id: dead.id } } })
if (retried.error) throw new Error(retried.error.detail)
const sent = await deliveryThatIs('SENT')

const eventIds = [first, await publish(2), await publish(3)]
const pagedEventIds: string[] = []
let cursor: string | undefined
do {
  const { items, nextCursor } = await page(cursor)
  pagedEventIds.push(...items.map(({ eventId }) => eventId))
  cursor = nextCursor ?? undefined
} while (cursor)

const { secret } = subscription
console.log(JSON.stringify({ secret, eventIds, pagedEventIds, statuses: [dead.status, sent.status] }))
