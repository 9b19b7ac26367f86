import { setTimeout } from 'node:timers/promises'
import { client } from './client/client.gen.js'
import {
  createSubscription,
  type Delivery,
  listDeliveries,
  publishEvent,
  retryDelivery,
} from './client/index.js'

const setting = (name: string) => process.env[name] ?? ''
client.setConfig({ baseUrl: setting('SERVICE_URL'), auth: () => setting('API_KEY') })
const eventType = setting('EVENT_TYPE')

const { data: subscription } = await createSubscription({
  body: { endpointUrl: setting('ENDPOINT_URL'), eventTypes: [eventType] },
  throwOnError: true,
})

async function publish(n: number): Promise<string> {
  const { data } = await publishEvent({
    headers: { 'Idempotency-Key': `${eventType}.${n}` },
    body: { type: eventType, data: { n } },
    throwOnError: true,
  })
  return data.eventId
}

async function page(cursor?: string) {
  const { data } = await listDeliveries({
    query: { subscriptionId: subscription.id, limit: 2, cursor },
    throwOnError: true,
  })
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
await retryDelivery({ path: { id: dead.id }, throwOnError: true })
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
