import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

interface Delivery {
  id: string
  eventId: string
  subscriptionId: string
  status: string
  createdAt: string
}

let resources: Resources
let service: TestService
/** The one that answers with 2xx and the one that doesn't. */
const subscriptions: string[] = []

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  for (const answer of [200, 500]) {
    const { url } = resources.use(await startReceiver(answer))
    const { body } = await service.api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: ['paged'] })
    subscriptions.push(body.id)
  }
  await publish(40)
  await vi.waitFor(async () => expect(await countFinished()).toBe(80), { timeout: 10_000 })
})
afterAll(() => resources[Symbol.asyncDispose]())

async function publish(count: number): Promise<string[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, () => service.api.post('/v1/events', { type: 'paged', data: {} })),
  )
  return answers.map(({ body }) => body.eventId)
}

async function countFinished(): Promise<number> {
  const { body } = await service.api.get('/v1/stats')
  return body.deliveriesSent + body.deliveriesDead
}

/** Every page of a list, one after the other; `between` happens after each. */
async function pagesOf<Item>(path: string, between = async () => {}): Promise<Item[][]> {
  const pages: Item[][] = []
  let cursor: string | null = null
  do {
    const next: string = cursor === null ? '' : `&cursor=${cursor}`
    const { status, body } = await service.api.get(path + next)
    expect(status).toBe(200)
    pages.push(body.items)
    cursor = body.nextCursor
    await between()
  } while (cursor !== null)
  return pages
}

const idsOf = (items: { id: string }[]) => items.map(({ id }) => id)

/** The ids of rows, newest first; UUIDv7 makes them sort by the time they were made at. */
async function idsIn(table: string, where = 'true'): Promise<string[]> {
  const rows = await service.database.query<{ id: string }>(
    `select id from ${table} where ${where} order by id desc`,
  )
  return idsOf(rows)
}

describe('deliveries, page by page', () => {
  it('come newest first, every one once, in pages of the size asked for', async () => {
    const pages = await pagesOf<Delivery>('/v1/deliveries?limit=7')
    expect(pages.map(({ length }) => length)).toEqual([...Array(11).fill(7), 3])
    const all = pages.flat()
    expect(idsOf(all)).toEqual(await idsIn('deliveries'))
    const times = all.map(({ createdAt }) => Date.parse(createdAt))
    // Ids and rows are made in one statement, which may run over the turn of a millisecond.
    times.forEach((time, index) => void expect(time).toBeLessThanOrEqual((times[index - 1] ?? time) + 1000))
  })

  it('skip none and repeat none while others arrive', async () => {
    const before = await idsIn('deliveries')
    let arrived = 0
    const pages = await pagesOf<Delivery>('/v1/deliveries?limit=9', async () => {
      arrived += (await publish(3)).length
    })
    expect(arrived).toBeGreaterThan(20)
    expect(idsOf(pages.flat())).toEqual(before)
  })

  it('are 50 to a page when nothing is asked for, and at most 200', async () => {
    await expect.poll(async () => (await idsIn('deliveries')).length, { timeout: 5000 }).toBeGreaterThan(100)
    expect((await service.api.get('/v1/deliveries')).body.items).toHaveLength(50)
    expect((await service.api.get('/v1/deliveries?limit=200')).body.items.length).toBeGreaterThan(100)
  })

  it('say that there is no next page exactly when there is none', async () => {
    const [eventId] = await publish(1)
    const list = (limit: number) => service.api.get(`/v1/deliveries?eventId=${eventId}&limit=${limit}`)
    await expect.poll(async () => (await list(9)).body.items.length, { timeout: 5000 }).toBe(2)
    expect((await list(1)).body.nextCursor).toEqual(expect.any(String))
    expect((await list(2)).body.nextCursor).toBeNull()
    expect((await list(3)).body.nextCursor).toBeNull()
  })

  it('are those of one status, one event, one subscription, or all of these', async () => {
    const [good, bad] = subscriptions as [string, string]
    const [eventId] = (await publish(1)) as [string]
    const isFinished = async () => (await service.api.get(`/v1/events/${eventId}`)).body.status
    await expect.poll(isFinished, { timeout: 5000 }).toBe('PARTIALLY_DELIVERED')
    const list = async (query: string) => (await pagesOf<Delivery>(`/v1/deliveries?limit=20&${query}`)).flat()

    const sent = await list('status=SENT')
    expect(new Set(sent.map(({ subscriptionId }) => subscriptionId))).toEqual(new Set([good]))
    const ofBad = await list(`subscriptionId=${bad}&status=DEAD`)
    expect(new Set(ofBad.map(({ subscriptionId }) => subscriptionId))).toEqual(new Set([bad]))
    expect(new Set(ofBad.map(({ status }) => status))).toEqual(new Set(['DEAD']))
    const ofEvent = await list(`eventId=${eventId}`)
    expect(ofEvent.map(({ status }) => status).sort()).toEqual(['DEAD', 'SENT'])
    expect(await list(`eventId=${eventId}&subscriptionId=${bad}&status=DEAD`)).toMatchObject([
      { eventId, subscriptionId: bad, status: 'DEAD' },
    ])
    expect(await list(`eventId=${eventId}&subscriptionId=${bad}&status=SENT`)).toEqual([])
    expect(await list(`eventId=${eventId.toUpperCase()}`)).toHaveLength(2)
  })
})

describe('subscriptions, page by page', () => {
  const subscribe = (n: number, isEnabled: boolean) =>
    service.api.post('/v1/subscriptions', {
      endpointUrl: `http://127.0.0.1:9/${n}`,
      eventTypes: ['unpaged'],
      isEnabled,
    })

  it('come newest first, every one once, while others arrive', async () => {
    for (let n = 0; n < 10; n += 1) await subscribe(n, n % 2 === 0)
    const before = await idsIn('subscriptions')
    let made = 100
    const pages = await pagesOf<{ id: string }>('/v1/subscriptions?limit=5', async () => {
      made += 1
      await subscribe(made, true)
    })
    expect(idsOf(pages.flat())).toEqual(before)
  })

  it.each([true, false])('may be those alone that are enabled: %s', async (isEnabled) => {
    const pages = await pagesOf<{ id: string; isEnabled: boolean }>(
      `/v1/subscriptions?limit=2&enabled=${isEnabled}`,
    )
    expect(idsOf(pages.flat())).toEqual(await idsIn('subscriptions', `"isEnabled" = ${isEnabled}`))
    expect(new Set(pages.flat().map((item) => item.isEnabled))).toEqual(new Set([isEnabled]))
  })
})
