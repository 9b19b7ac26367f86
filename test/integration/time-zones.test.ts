/** Times are instants: whatever the zone of the process, they come out as they went in. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'

vi.setConfig({ testTimeout: 90_000 })

const { TZ } = process.env
let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(async () => {
  await resources[Symbol.asyncDispose]()
  if (TZ === undefined) delete process.env.TZ
  else process.env.TZ = TZ
})

const times = [
  '2026-03-04T05:06:07.089Z',
  // The hour that comes twice in a year.
  '2026-11-01T04:30:00.001Z',
  '2026-04-04T15:15:00.001Z',
  // The offsets of zones had seconds then.
  '1899-12-31T23:00:00.000Z',
  '1883-11-18T12:03:57.999Z',
  '0099-02-28T23:59:59.999Z',
  // The first and the last that are taken.
  '0001-01-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
]

it.each(['Asia/Kolkata', 'America/St_Johns', 'Australia/Lord_Howe'])('in %s', async (zone) => {
  process.env.TZ = zone
  expect(new Intl.DateTimeFormat().resolvedOptions().timeZone.replace('Calcutta', 'Kolkata')).toBe(zone)
  const receiver = resources.use(await startReceiver())
  const service = resources.use(await startTestService('postgres'))
  await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['*'] })

  await Promise.all(times.map(goesRound))

  async function goesRound(createdAt: string): Promise<void> {
    const { body } = await service.api.post('/v1/events', { type: 'told', data: {}, createdAt })
    const id = body.eventId
    expect((await service.api.get(`/v1/events/${id}`)).body.createdAt).toBe(createdAt)
    const [row] = await service.database.query<{ ms: string }>(
      'select round(extract(epoch from "createdAt") * 1000) as ms from events where id = $1',
      [id],
    )
    expect(Number(row?.ms)).toBe(Date.parse(createdAt))

    const { event, events } = await ask(
      service,
      `query ($id: ID!, $from: DateTime!, $to: DateTime) {
        event(id: $id) { createdAt }
        events(filter: { createdAt: { from: $from, to: $to } }) { edges { node { id } } }
      }`,
      { id, from: createdAt, to: justAfter(createdAt) },
    )
    expect(event.createdAt).toBe(createdAt)
    expect(events.edges).toEqual([{ node: { id } }])

    const webhook = () => receiver.requests.find(({ headers }) => headers['webhook-id'] === id)
    await expect.poll(webhook, { timeout: 30_000 }).toBeDefined()
    expect(JSON.parse(webhook()?.body ?? '').createdAt).toBe(createdAt)
  }
})

/** A millisecond later; null after the last, behind which nothing is. */
function justAfter(time: string): string | null {
  const next = new Date(Date.parse(time) + 1)
  return next.getUTCFullYear() > 9999 ? null : next.toISOString()
}
