/** What tests of the client share: clients of a service, and what they are told while they watch. */
import { afterEach, beforeEach, expect } from 'vitest'
import { type Client, createClient, type DeliveryFieldsFragment } from '../../src/client/index.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from './client.js'
import { type Settings, startTestService } from './service.js'

export const type = 'user.created'
export const event = { type, data: { userId: 'u_123' } }
export const clientOf = ({ url }: { url: string }, apiKey = TEST_KEY) =>
  createClient({ url: `${url}/graphql`, apiKey })

/** To be called once in a test file, outside of its tests. */
export function setUpClients() {
  let resources: Resources
  beforeEach(() => {
    resources = createResources()
  })
  afterEach(() => resources[Symbol.asyncDispose]())

  const start = async (settings: Settings = {}) =>
    clientOf(resources.use(await startTestService('postgres', settings)))

  /** What an iteration has brought so far. It ends with the test. */
  function collect<Item>(follow: (signal: AbortSignal) => AsyncIterable<Item>) {
    const items: Item[] = []
    const stop = new AbortController()
    const done = (async () => {
      for await (const item of follow(stop.signal)) items.push(item)
    })()
    // It is reported where it is awaited.
    done.catch(() => {})
    resources.use({
      async [Symbol.asyncDispose]() {
        stop.abort()
        await done
      },
    })
    return items
  }

  /** Deliveries as they change, once somebody listens for them. */
  async function watch(client: Client, options: Parameters<Client['watchDeliveries']>[0] = {}) {
    const log: string[] = []
    const deliveries = collect((signal) =>
      client.watchDeliveries({
        ...options,
        signal,
        onConnect: () => log.push('connected'),
        onDisconnect: ({ code }) => log.push(code),
        onReconnect: () => log.push('reconnected'),
      }),
    )
    await expect.poll(() => log[0]).toBe('connected')
    return { deliveries, log }
  }

  return {
    ...{ start, watch },
    use: <Resource extends AsyncDisposable>(resource: Resource) => resources.use(resource),
  }
}

export const told = (deliveries: DeliveryFieldsFragment[]) =>
  deliveries.map(({ status, attempts }) => `${status} ${attempts}`)
