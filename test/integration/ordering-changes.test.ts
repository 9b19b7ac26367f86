/**
 * The next of a line goes out at once when what is before it has ended, in whatever way: nothing here can wait for a
 * poll, because these come a minute apart.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import {
  deliveryOf,
  deliveryStatus,
  numberOf,
  numbers,
  PATIENCE,
  publishNumber,
  subscribeInOrder,
  waitingFor,
} from '../support/ordering.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import {
  type Layout,
  layouts,
  type Settings,
  startTestService,
  type TestService,
} from '../support/service.js'

const LATE = { OUTBOX_DISPATCH_INTERVAL_MS: '60000', DELIVERY_BACKOFF_BASE_SECONDS: '3600' }
/** Far from a poll, on a machine that does other things as well. */
const AT_ONCE_MS = 5000

let resources: Resources
let service: TestService
let receiver: Receiver
beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

async function start(settings: Settings = LATE, layout: Layout = 'postgres') {
  service = resources.use(await startTestService(layout, settings))
}

const patch = async (id: string, changes: object) =>
  expect((await service.api.patch(`/v1/subscriptions/${id}`, changes)).status).toBe(200)

const cancel = async (eventId: string) => {
  const { id } = await deliveryOf(service, eventId)
  await ask(service, 'mutation ($id: ID!) { cancelDelivery(id: $id) { delivery { id } } }', {
    id,
  })
}

const requestOf = async (n: number) => {
  const find = () => receiver.requests.find(({ body }) => numberOf(body) === n)
  await expect.poll(find, PATIENCE).toBeDefined()
  return find() as { receivedAt: number }
}

/** A delivery that has FAILED and one behind it. @returns their events */
async function holdUp() {
  receiver.answerWith(500, 200)
  const first = await publishNumber(service, 'k', 1)
  await deliveryStatus(service, first).toBe('FAILED')
  const second = await publishNumber(service, 'k', 2)
  await waitingFor(service, second).toBe('ORDER')
  return { first, second }
}

describe.each(layouts)('the next one goes out at once, queue on %s', (layout) => {
  it('when the one before is SENT, or DEAD', async () => {
    await start({ ...LATE, DELIVERY_MAX_ATTEMPTS: '1' }, layout)
    await subscribeInOrder(service, receiver.url)
    const answeredAt: number[] = []
    const answers = [200, 500, 200]
    let isHeld = true
    const held: (() => void)[] = []
    receiver.answerWith((response) => {
      const answer = () => {
        answeredAt.push(performance.now())
        response.writeHead(answers.shift() ?? 200).end()
      }
      if (isHeld) held.push(answer)
      else answer()
    })
    const events = [await publishNumber(service, 'k', 1)]
    await expect.poll(() => held.length, PATIENCE).toBe(1)
    for (const n of [2, 3]) events.push(await publishNumber(service, 'k', n))
    await waitingFor(service, events[2] as string).toBe('ORDER')
    isHeld = false
    held[0]?.()
    await expect.poll(() => numbers(receiver), PATIENCE).toEqual([1, 2, 3])
    const waits = receiver.requests.slice(1).map(({ receivedAt }, at) => receivedAt - (answeredAt[at] ?? 0))
    for (const wait of waits) expect(wait).toBeLessThan(AT_ONCE_MS)
    await deliveryStatus(service, events[1] as string).toBe('DEAD')
  })

  it('when the one before is cancelled', async () => {
    await start(LATE, layout)
    await subscribeInOrder(service, receiver.url)
    const { first, second } = await holdUp()
    await cancel(first)
    const cancelledAt = performance.now()
    expect((await requestOf(2)).receivedAt - cancelledAt).toBeLessThan(AT_ONCE_MS)
    await eventIn('DELIVERED', service, second)
  })

  it('when its subscription is not ordered any more: all of the line then', async () => {
    await start(LATE, layout)
    const id = await subscribeInOrder(service, receiver.url)
    await holdUp()
    for (const n of [3, 4]) await waitingFor(service, await publishNumber(service, 'k', n)).toBe('ORDER')
    await patch(id, { isOrdered: false })
    await expect.poll(() => numbers(receiver).toSorted(), PATIENCE).toEqual([1, 2, 3, 4])
  })
})

it('goes out when the one before has expired', async () => {
  await start({ ...LATE, OUTBOX_DISPATCH_INTERVAL_MS: '500' })
  await subscribeInOrder(service, receiver.url)
  receiver.answerWith(500, 200)
  const expiresAt = new Date(Date.now() + 3000).toISOString()
  const first = await publishNumber(service, 'k', 1, { expiresAt })
  await deliveryStatus(service, first).toBe('FAILED')
  const second = await publishNumber(service, 'k', 2)
  await eventIn('DELIVERED', service, second)
  expect(await deliveryOf(service, first)).toMatchObject({ status: 'DEAD', lastError: 'expired' })
  expect(numbers(receiver)).toEqual([1, 2])
})

it('is ordered for what is dispatched after it was switched on, and not behind what was before', async () => {
  await start()
  const id = await subscribeInOrder(service, receiver.url)
  await patch(id, { isOrdered: false })
  receiver.answerWith(500, 500, 200)
  await deliveryStatus(service, await publishNumber(service, 'k', 1)).toBe('FAILED')
  await patch(id, { isOrdered: true })
  const second = await publishNumber(service, 'k', 2)
  await deliveryStatus(service, second).toBe('FAILED')
  const third = await publishNumber(service, 'k', 3)
  await waitingFor(service, third).toBe('ORDER')
  expect(numbers(receiver)).toEqual([1, 2])
  await cancel(second)
  await eventIn('DELIVERED', service, third)
})

it('is not held up by the head of another key that hangs', async () => {
  await start()
  await subscribeInOrder(service, receiver.url)
  receiver.answerWith((response, { body }) => void (numberOf(body) === 0 || response.writeHead(200).end()))
  await publishNumber(service, 'hanging', 0)
  await expect.poll(() => numbers(receiver), PATIENCE).toEqual([0])
  const behind = await publishNumber(service, 'hanging', 1)
  const others = []
  for (let n = 2; n < 42; n += 1) others.push(await publishNumber(service, `key-${n % 4}`, n))
  for (const other of others) await eventIn('DELIVERED', service, other)
  await waitingFor(service, behind).toBe('ORDER')
  expect(numbers(receiver)).not.toContain(1)
})

describe('a retry by hand', () => {
  it('of what has FAILED keeps its place', async () => {
    await start()
    await subscribeInOrder(service, receiver.url)
    const { first, second } = await holdUp()
    const { id } = await deliveryOf(service, first)
    expect((await service.api.post(`/v1/deliveries/${id}/retry`)).status).toBe(202)
    await eventIn('DELIVERED', service, second)
    expect(numbers(receiver)).toEqual([1, 1, 2])
  })

  it('of an event goes to the end of each line where it was DEAD', async () => {
    await start({ ...LATE, DELIVERY_MAX_ATTEMPTS: '1' })
    const held: (() => void)[] = []
    await subscribeInOrder(service, receiver.url)
    receiver.answerWith(500, (response) => void held.push(() => response.writeHead(200).end()), 200)
    const dead = await publishNumber(service, 'k', 1)
    await eventIn('DEAD', service, dead)
    await publishNumber(service, 'k', 2)
    await expect.poll(() => held.length, PATIENCE).toBe(1)
    await publishNumber(service, 'k', 3)
    expect((await service.api.post(`/v1/deliveries/events/${dead}/retry`)).body.retried).toBe(1)
    await waitingFor(service, dead).toBe('ORDER')
    held[0]?.()
    await eventIn('DELIVERED', service, dead)
    expect(numbers(receiver)).toEqual([1, 2, 3, 1])
  })
})
