/** What queries cost the database: how many statements, and how PostgreSQL goes about them when there is much. */

import { graphql } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAnswers } from '../../src/graphql/answers.js'
import { createExchanges, createWebhookBodies } from '../../src/graphql/attempt-exchanges.js'
import type { GraphQLContext } from '../../src/graphql/context.js'
import { createDeliveryLogs } from '../../src/graphql/delivery-logs.js'
import { createPayloads } from '../../src/graphql/payloads.js'
import { createRelatedDeliveries } from '../../src/graphql/related-deliveries.js'
import { schema } from '../../src/graphql/schema.js'
import { createDatabase, type Database } from '../../src/platform/postgres/database.js'
import { createResources } from '../../src/platform/resources.js'
import { createBodyCipher } from '../../src/secrets/body-cipher.js'
import { explainBuffers, type Plan, type SentStatement } from '../support/buffers.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { everythingIn } from '../support/viewers.js'

const EVENTS = 100_000
const DELIVERIES_OF_EACH = 2
const SUBSCRIPTIONS = 50

const resources = createResources()
let tables: TestDatabase
let database: Database
let statements: SentStatement[] = []

/** Ids that sort by number, as UUIDv7 do by time. */
const id = (kind: string, number: string) =>
  `('${kind}0000000-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`

const fill = `
  insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
  select ${id('1', 'n')}, 'https://example.com/' || n, array['type.' || n], 's', decode(lpad(to_hex(n), 64, '0'), 'hex')
  from generate_series(0, ${SUBSCRIPTIONS - 1}) as n;

  insert into events (id, type, data, status, "deliveryCount", "createdAt", "updatedAt")
  select ${id('2', 'n')}, 'type.' || n % 20, '{}',
    (case when n % 100 = 0 then 'DEAD' when n % 100 = 1 then 'PROCESSING' else 'DELIVERED' end)::"EventStatus",
    ${DELIVERIES_OF_EACH}, at, at
  from generate_series(1, ${EVENTS}) as n, lateral (select '2026-01-01'::timestamptz + n * interval '1 second' as at);

  insert into deliveries (id, "eventId", "subscriptionId", status, attempts, "createdAt", "updatedAt")
  select ${id('3', `n * ${DELIVERIES_OF_EACH} + k`)}, ${id('2', 'n')}, ${id('1', `(n + k * 7) % ${SUBSCRIPTIONS}`)},
    (case when n % 100 = 0 then 'DEAD' when n % 100 = 1 then 'FAILED' else 'SENT' end)::"DeliveryStatus",
    1, at, at
  from generate_series(1, ${EVENTS}) as n, generate_series(0, ${DELIVERIES_OF_EACH - 1}) as k,
    lateral (select '2026-01-01'::timestamptz + n * interval '1 second' as at);

  insert into "deliveryLogs" ("deliveryId", attempt, status, "responseTimeMs")
  select id, 1, 'SENT', 5 from deliveries;`

beforeAll(async () => {
  tables = resources.use(await createTestDatabase())
  await tables.query(fill)
  await tables.query('vacuum analyze')
  const onQuery = (sql: string, parameters: string) => statements.push({ sql, parameters })
  database = resources.use(createDatabase({ url: tables.url, onQuery }))
}, 120_000)
afterAll(() => resources[Symbol.asyncDispose]())

/** An operation's answer, and the statements that it took. */
async function run(source: string, variableValues: Record<string, unknown> = {}) {
  statements = []
  const answer = createAnswers({
    ...{ answerBytes: 10_000_000, keyBytes: 10_000_000, processBytes: 10_000_000 },
  }).open({})
  const visible = everythingIn(database)
  const contextValue = {
    ...{ database: visible, answer },
    related: createRelatedDeliveries(visible),
    payloads: createPayloads(visible, answer),
    logs: createDeliveryLogs(visible, answer),
    exchanges: createExchanges(visible, createBodyCipher([]), answer),
    webhookBodies: createWebhookBodies(visible, answer),
  } as GraphQLContext
  const { data, errors } = await graphql({ schema, source, contextValue, variableValues })
  expect(errors).toBeUndefined()
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  return { data: JSON.parse(JSON.stringify(data)) as any, statements }
}

const explain = (statement: SentStatement): Promise<Plan> => explainBuffers(tables, statement)

async function plansOf(source: string, variables?: Record<string, unknown>): Promise<Plan[]> {
  const plans: Plan[] = []
  for (const statement of (await run(source, variables)).statements) plans.push(await explain(statement))
  return plans
}

describe('a query asks as often for many rows as for one', () => {
  const whole = 'id status event { id type } subscription { endpointUrl } logs { attempt status }'
  const queries: [string, string, number][] = [
    [
      'events with their deliveries, logs and subscriptions',
      `events(first: $n) { edges { node { id payload { data } deliveries(first: 20) { edges { node { status subscription { endpointUrl } logs { attempt } } } } } } }`,
      // Of payloads and of logs the sizes first.
      9,
    ],
    [
      'deliveries with event, subscription and logs',
      `deliveries(first: $n) { edges { node { ${whole} } } }`,
      6,
    ],
    [
      'subscriptions with their deliveries',
      `subscriptions(first: $n) { edges { node { id deliveries(first: 5) { edges { node { ${whole} } } } } } }`,
      7,
    ],
    [
      'one event with everything',
      `event(id: "20000000-0000-7000-8000-000000000001") { id deliveries(first: $n) { edges { node { ${whole} } } } }`,
      7,
    ],
  ]
  it.each(queries)('%s', async (_what, fields, most) => {
    const query = `query ($n: Int) { ${fields} }`
    const one = (await run(query, { n: 1 })).statements.length
    const many = (await run(query, { n: 20 })).statements.length
    expect([many, many <= most]).toEqual([one, true])
  })

  it('and reads of each parent no more rows than its page has', async () => {
    const { data, statements } = await run(
      '{ subscriptions(first: 50) { edges { node { deliveries(first: 3) { edges { node { id } } pageInfo { hasNextPage } } } } } }',
    )
    for (const { node } of data.subscriptions.edges) {
      expect([node.deliveries.edges.length, node.deliveries.pageInfo.hasNextPage]).toEqual([3, true])
    }
    for (const statement of statements) {
      const { text, buffers } = await explain(statement)
      expect(text).not.toMatch(/Seq Scan on (deliveries|events)/)
      expect(buffers).toBeLessThan(3000)
    }
  })
})

describe('with 200,000 deliveries of 100,000 events', () => {
  const from = '2026-01-02T02:00:00Z'
  const to = '2026-01-02T02:01:00Z'
  const lists: [string, string, object][] = [
    ['deliveries', 'everything', {}],
    ['deliveries', 'DEAD', { status: ['DEAD'] }],
    ['deliveries', 'DEAD or FAILED', { status: ['DEAD', 'FAILED'] }],
    ['deliveries', 'SENT', { status: ['SENT'] }],
    ['deliveries', 'PENDING, of which there is none', { status: ['PENDING'] }],
    ['deliveries', 'of an event', { eventId: '20000000-0000-7000-8000-000000000100' }],
    ['deliveries', 'of a subscription', { subscriptionId: '10000000-0000-7000-8000-000000000007' }],
    [
      'deliveries',
      'dead ones of a subscription',
      { subscriptionId: '10000000-0000-7000-8000-000000000007', status: ['DEAD'] },
    ],
    ['deliveries', 'changed lately', { updatedAt: { from } }],
    ['deliveries', 'changed within a minute', { updatedAt: { from, to } }],
    ['deliveries', 'created within a minute', { createdAt: { from, to } }],
    ['events', 'everything', {}],
    ['events', 'of a type', { type: ['type.7'] }],
    ['events', 'of a type that there is not', { type: ['nothing'] }],
    ['events', 'DEAD', { status: ['DEAD'] }],
    ['events', 'UNMATCHED, of which there is none', { status: ['UNMATCHED'] }],
    ['events', 'of a key', { idempotencyKey: 'key' }],
    ['events', 'created within a minute', { createdAt: { from, to } }],
    ['events', 'to a subscription', { subscriptionId: '10000000-0000-7000-8000-000000000007' }],
  ]
  it.each(lists)('%s: %s are found by an index', async (name, _what, filter) => {
    const type = name === 'events' ? 'EventFilter' : 'DeliveryFilter'
    const query = `query ($filter: ${type}) { ${name}(first: 20, filter: $filter) { edges { node { id } } } }`
    for (const { text, buffers } of await plansOf(query, { filter })) {
      expect(text).not.toContain('Seq Scan')
      expect(text).toContain('Index')
      // A page that takes more has read the table.
      expect([text, buffers < 3000]).toEqual([text, true])
    }
  })

  it.each([
    ['deliveries', 'DeliveryFilter', {}],
    ['deliveries', 'DeliveryFilter', { status: ['DEAD'] }],
    ['deliveries', 'DeliveryFilter', { subscriptionId: '10000000-0000-7000-8000-000000000007' }],
    ['events', 'EventFilter', {}],
    ['events', 'EventFilter', { type: ['type.7'] }],
  ])('the last page of %s (%s %j) costs like the first', async (name, type, filter) => {
    const query = `query ($filter: ${type}, $after: String) {
      ${name}(first: 50, after: $after, filter: $filter) { edges { cursor } pageInfo { hasNextPage } }
    }`
    const oldest = `query ($filter: ${type}) { ${name}(last: 51, filter: $filter) { pageInfo { startCursor } } }`
    const after = (await run(oldest, { filter })).data[name].pageInfo.startCursor
    const { data } = await run(query, { filter, after })
    expect([data[name].edges.length, data[name].pageInfo.hasNextPage]).toEqual([50, false])
    const total = (plans: Plan[]) => plans.reduce((sum, { buffers }) => sum + buffers, 0)
    const first = total(await plansOf(query, { filter }))
    const last = total(await plansOf(query, { filter, after }))
    expect([last, last <= first * 3 + 50]).toEqual([last, true])
  })
})
