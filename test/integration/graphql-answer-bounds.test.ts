/** Bounds on the size of what an answer reads from the database. */
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { TEST_KEY } from '../support/client.js'
import { ask, post, watches } from '../support/graphql.js'
import { expectRefused, many, setUpServices } from '../support/graphql-bounds.js'
import type { TestService } from '../support/service.js'

const { start, use } = setUpServices()

describe('what an answer reads', () => {
  const publishEvent =
    'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } } }'
  const publishLarge = (service: TestService, count: number) =>
    Promise.all(
      many(count).map(() =>
        ask(service, publishEvent, { input: { type: 'large', data: { text: 'x'.repeat(250_000) } } }),
      ),
    )
  const page = (first: number, fields: string) =>
    `{ events(first: ${first}, filter: { type: ["large"] }) { edges { node { ${fields} } } } }`

  it('is bounded by its size, however often and by whatever name a payload is shown', async () => {
    const service = await start()
    await publishLarge(service, 5)
    for (const fields of [
      many(10).map((name) => `${name}: payload { data }`),
      [`payload { ${many(10).map((name) => `${name}: data`)} }`],
    ]) {
      await expectRefused(service, /more than 10 MB of payloads/, page(5, fields.join(' ')), {})
      const { data } = (await post(service, page(3, fields.join(' ')))).body
      expect(JSON.stringify(data).length).toBeGreaterThan(7_500_000)
    }
    const batch = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json' },
      body: JSON.stringify(Array(10).fill({ query: page(5, 'payload { data }') })),
    })
    expect(await batch.text()).toContain('more than 10 MB of payloads')
  })

  it('counts only until it is sent, for live updates too', async () => {
    const service = await start()
    await publishLarge(service, 5)
    const query = page(
      5,
      many(7)
        .map((name) => `${name}: payload { data }`)
        .join(' '),
    )
    for (let count = 0; count < 6; count++)
      expect((await post(service, query)).body.data.events.edges).toHaveLength(5)
    const fields = many(30).map((name) => `${name}: payload { data }`)
    const watched = `subscription { eventUpdated { ${fields.join(' ')} } }`
    for (const [, watch] of watches) {
      const watcher = use(watch(service, watched))
      await expect
        .poll(
          async () => {
            await publishLarge(service, 1)
            return watcher.results.length
          },
          { timeout: 10_000 },
        )
        .toBeGreaterThan(3)
      for (const { errors } of watcher.results) expect(errors).toBeUndefined()
    }
  })

  it('counts the logs of deliveries by their stored size, before they are read', async () => {
    const service = await start()
    await service.api.post('/v1/subscriptions', {
      endpointUrl: 'http://127.0.0.1:9/',
      eventTypes: ['logged'],
    })
    await ask(service, publishEvent, { input: { type: 'logged', data: {} } })
    const added = `
      insert into "deliveryLogs" ("deliveryId", attempt, status, error, "responseTimeMs")
      select id, n, 'FAILED', repeat('x', 1000), 1 from deliveries, generate_series(1000, 3000) as n`
    await expect.poll(async () => (await service.api.get('/v1/deliveries')).body.items.length).toBe(1)
    await service.database.query(added)
    const logs = (count: number) =>
      `{ deliveries { edges { node { ${many(count)
        .map((name) => `${name}: logs { attempt }`)
        .join(' ')} } } } }`
    expect((await ask(service, logs(1))).deliveries.edges[0].node.a0.length).toBeGreaterThan(2000)
    await expectRefused(service, /more than 10 MB of payloads and logs/, logs(5), {})
    const errors = many(5).map((name) => `${name}: error`)
    const shown = `{ deliveries { edges { node { logs { ${errors.join(' ')} } } } } }`
    await expectRefused(service, /more than 10 MB of payloads and logs/, shown, {})
  })

  it('of the answers with one API key is bounded too, and is free again once they go unread', {
    timeout: 60_000,
  }, async () => {
    const otherKey = 'another-key-of-the-tests'
    const service = await start({ API_KEYS: `${TEST_KEY},${otherKey}` })
    await publishLarge(service, 5)
    const query = page(
      5,
      many(7)
        .map((name) => `${name}: payload { data }`)
        .join(' '),
    )
    const { hostname, port } = new URL(service.url)
    const body = JSON.stringify({ query })
    const head = `POST /graphql HTTP/1.1\r\nhost: a\r\nx-api-key: ${TEST_KEY}\r\ncontent-type: application/json\r\n`
    const sockets = many(2).map(() =>
      connect(Number(port), hostname)
        .on('error', () => {})
        .pause(),
    )
    const code = async () => (await post(service, query)).body.errors?.[0]?.extensions.code
    // The system's buffers take the first answers, and those that follow wait behind them.
    const codeAfterMore = () => {
      for (const socket of sockets) socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`)
      return code()
    }
    await expect.poll(codeAfterMore, { timeout: 20_000, interval: 300 }).toBe('SERVICE_UNAVAILABLE')
    await expect.poll(codeAfterMore, { timeout: 20_000, interval: 300 }).toBe('SERVICE_UNAVAILABLE')
    expect((await ask(service, '{ stats { eventsTotal } }')).stats.eventsTotal).toBe(5)
    const withOtherKey = (await post(service, query, {}, otherKey)).body
    expect([withOtherKey.errors, withOtherKey.data?.events.edges.length]).toEqual([undefined, 5])
    await expect.poll(code, { timeout: 40_000, interval: 500 }).toBeUndefined()
    for (const socket of sockets) socket.destroy()
  })
})
