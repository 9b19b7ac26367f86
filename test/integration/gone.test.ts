/** A late 410 disables its subscription unless the endpoint was changed, or enabled, since the attempt began. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

it.each(layouts)(
  'a late 410 does not disable a subscription whose endpoint was changed since, queue on %s',
  async (layout) => {
    const service = resources.use(await startTestService(layout))
    const fresh = resources.use(await startReceiver())
    const answers: (() => void)[] = []
    let isKnown = false
    const old = resources.use(
      await startReceiver((response) => {
        if (isKnown) answers.push(() => response.writeHead(410).end())
        else response.end()
      }),
    )
    const isEnabled = async (id: string) => (await service.api.get(`/v1/subscriptions/${id}`)).body.isEnabled
    const id = await subscribe(service, old.url)
    // An endpoint that has answered gets more than one request at a time.
    await eventIn('DELIVERED', service, await publish(service))
    isKnown = true
    const [first, second, third] = [await publish(service), await publish(service), await publish(service)]
    await expect.poll(() => answers.length, { timeout: 10_000 }).toBe(3)

    answers[0]?.()
    await expect.poll(() => isEnabled(id), { timeout: 10_000 }).toBe(false)
    await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
    answers[1]?.()
    await expect
      .poll(async () => (await service.api.get('/v1/deliveries?status=DEAD')).body.items.length, {
        timeout: 10_000,
      })
      .toBe(2)
    expect(await isEnabled(id)).toBe(true)

    await service.api.patch(`/v1/subscriptions/${id}`, { endpointUrl: fresh.url })
    answers[2]?.()
    for (const eventId of [first, second, third]) await eventIn('DEAD', service, eventId)
    expect(await isEnabled(id)).toBe(true)
    await eventIn('DELIVERED', service, await publish(service))
    expect(fresh.requests).toHaveLength(1)
  },
)

it.each(layouts)(
  'a late 410 disables a subscription that was edited otherwise since, queue on %s',
  async (layout) => {
    const service = resources.use(await startTestService(layout))
    const answers: (() => void)[] = []
    const receiver = resources.use(
      await startReceiver((response) => void answers.push(() => response.writeHead(410).end())),
    )
    const id = await subscribe(service, receiver.url)
    const subscription = async () => (await service.api.get(`/v1/subscriptions/${id}`)).body
    const edits = [
      { description: 'edited' },
      { secret: 'a new secret' },
      { eventTypes: ['user.created', 'user.deleted'] },
      { maxRequestsPerSecond: 100 },
      { endpointUrl: receiver.url, isEnabled: true },
    ]
    for (const edit of edits) {
      const eventId = await publish(service)
      await expect.poll(() => answers.length, { timeout: 10_000 }).toBe(1)
      expect((await service.api.patch(`/v1/subscriptions/${id}`, edit)).status).toBe(200)
      answers.pop()?.()
      await eventIn('DEAD', service, eventId)
      expect([edit, (await subscription()).isEnabled]).toEqual([edit, false])
      await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
    }
  },
)
