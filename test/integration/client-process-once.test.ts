/** `processOnce` for receivers, with the store of the client and with those of the examples. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createMemoryStore,
  processOnce,
  verifyWebhook,
  WebhookBusyError,
  type WebhookStore,
} from '../../src/client/webhook.js'
import { createResources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { event, setUpClients, type } from '../support/graphql-client.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'

/** Examples are JavaScript without declarations. */
const example = (name: string) => import(new URL(`../../docs/examples/${name}.mjs`, import.meta.url).href)

const resources = createResources()
const stores = new Map<string, WebhookStore>()
const { start, use } = setUpClients()

beforeAll(async () => {
  const { client } = resources.use(await startRedis())
  const { url } = resources.use(await createTestDatabase())
  const pool = new pg.Pool({ connectionString: url })
  resources.use({ [Symbol.asyncDispose]: () => pool.end() })
  const { createRedisStore } = await example('redis-store')
  const { createPostgresStore, table } = await example('postgres-store')
  stores.set('memory', createMemoryStore())
  stores.set('Redis', createRedisStore(client))
  await pool.query(table)
  stores.set('PostgreSQL', createPostgresStore(pool))
})
afterAll(() => resources[Symbol.asyncDispose]())

const succeed = async () => {}
const fail = async () => {
  throw new Error('the work failed')
}

describe.each(['memory', 'Redis', 'PostgreSQL'])('processOnce with a store in %s', (name) => {
  const storeOf = () => stores.get(name) as WebhookStore
  let count = 0
  const newEvent = () => ({ id: `${name} ${++count}` })

  it('processes a webhook once', async () => {
    const webhook = newEvent()
    const processed: unknown[] = []
    const receive = () =>
      processOnce(webhook, { store: storeOf() }, async (given) => void processed.push(given))
    expect([await receive(), await receive(), await receive()]).toEqual([
      'PROCESSED',
      'DUPLICATE',
      'DUPLICATE',
    ])
    expect(processed).toEqual([webhook])
  })

  it('processes it again after a failure, of which it tells', async () => {
    const webhook = newEvent()
    const options = { store: storeOf() }
    await expect(processOnce(webhook, options, fail)).rejects.toThrow('the work failed')
    expect(await processOnce(webhook, options, succeed)).toBe('PROCESSED')
  })

  it('refuses it while another process is at work on it', async () => {
    const webhook = newEvent()
    const options = { store: storeOf() }
    await processOnce(webhook, options, () =>
      expect(processOnce(webhook, options, fail)).rejects.toBeInstanceOf(WebhookBusyError),
    )
    expect(await processOnce(webhook, options, fail)).toBe('DUPLICATE')
  })

  it('takes it over from a process that died, which can not give it back any more', async () => {
    const { id } = newEvent()
    const store = storeOf()
    expect(await store.take(id, 'dead', 1)).toBe('TAKEN')
    expect(await store.take(id, 'next', 60)).toBe('BUSY')
    await expect.poll(() => store.take(id, 'next', 60), { timeout: 5000 }).toBe('TAKEN')
    await store.giveBack(id, 'dead')
    expect(await store.take(id, 'third', 60)).toBe('BUSY')
  })

  it('forgets it after its time', async () => {
    const webhook = newEvent()
    const options = { store: storeOf(), keepSeconds: 1 }
    expect(await processOnce(webhook, options, succeed)).toBe('PROCESSED')
    await expect.poll(() => processOnce(webhook, options, succeed), { timeout: 5000 }).toBe('PROCESSED')
  })
})

it('processes what the service sends twice once', async () => {
  const client = await start({ DELIVERY_BACKOFF_BASE_SECONDS: '0.01' })
  const receiver = use(await startReceiver(500, 200))
  const { secret } = await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
  await client.publishEvent(event)
  await expect.poll(() => receiver.requests.length).toBe(2)
  const outcomes: string[] = []
  const store = createMemoryStore()
  for (const { headers, body } of receiver.requests)
    outcomes.push(await processOnce(await verifyWebhook({ secret, headers, body }), { store }, succeed))
  expect(outcomes).toEqual(['PROCESSED', 'DUPLICATE'])
})

it('a store in memory remembers no more webhooks than it may', async () => {
  const store = createMemoryStore({ maxWebhooks: 2 })
  for (const id of ['a', 'b', 'c']) await processOnce({ id }, { store }, succeed)
  expect(await processOnce({ id: 'c' }, { store }, fail)).toBe('DUPLICATE')
  expect(await processOnce({ id: 'a' }, { store }, succeed)).toBe('PROCESSED')
})
