/** The examples for owners of endpoints, each run with the client against a real service. */
import { readdirSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Client, verifyWebhook } from '../../src/client/index.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Authority, createAuthority } from '../support/certificates.js'
import { clientOf } from '../support/graphql-client.js'
import { temporaryDirectory } from '../support/process.js'
import { type Receiver, startReceiver, startTlsReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'

/** Examples are JavaScript without declarations. */
const example = (name: string) => import(new URL(`../../docs/examples/${name}.mjs`, import.meta.url).href)

const file = createResources()
let resources: Resources
let directory: string
let authority: Authority
let client: Client
let receiver: Receiver

beforeAll(async () => {
  directory = file.use(temporaryDirectory()).path
  authority = createAuthority(directory)
  client = clientOf(file.use(await startTestService('postgres', { EGRESS_CA_FILE: authority.path })))
})
afterAll(() => file[Symbol.asyncDispose]())
beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

const data = { total: 250, currency: 'CHF' }
const test = { type: 'user.created', data }
const create = async (endpointUrl = receiver.url) =>
  (await client.createSubscription({ endpointUrl, eventTypes: ['user.created'] })).subscription.id

/** The headers and the body of a test event. */
async function sent(id: string, to = receiver) {
  const { status } = await client.sendTestEvent(id, test)
  expect(status).toBe('SENT')
  const { headers, body } = to.requests.at(-1) as (typeof to.requests)[0]
  return { headers: headers as Record<string, string>, body }
}

/** The status of the one delivery of an event that is published now. */
async function published(type: string, payload: Record<string, unknown> = data) {
  const { event } = await client.publishEvent({ type, data: payload })
  const status = async () => (await client.event(event.id))?.status
  await expect.poll(status, { timeout: 20_000 }).toMatch(/^(DELIVERED|DEAD|UNMATCHED)$/)
  return { id: event.id, status: await status() }
}

it('subscribe-by-filter', async () => {
  const { subscribeToLargeOrders } = await example('subscribe-by-filter')
  const { subscription } = await subscribeToLargeOrders(client, receiver.url)
  expect((await published('order.created')).status).toBe('DELIVERED')
  expect((await published('order.created', { total: 9, currency: 'CHF' })).status).toBe('UNMATCHED')
  await client.deleteSubscription(subscription.id)
})

it('set-retry-policy, and show-attempts', async () => {
  const { tryTwiceAndSoon, followTheSettings } = await example('set-retry-policy')
  const { describeAttempts } = await example('show-attempts')
  receiver.answerWith((response) => response.writeHead(500).end('broken'))
  const { subscription } = await client.createSubscription({
    ...{ endpointUrl: receiver.url, eventTypes: ['retried'] },
  })
  await tryTwiceAndSoon(client, subscription.id)
  const { id, status } = await published('retried')
  expect([status, receiver.requests.length]).toEqual(['DEAD', 3])
  const { items } = await client.deliveries({ filter: { eventId: id } })
  const attempts: string[] = await describeAttempts(client, items[0]?.id)
  expect(attempts).toHaveLength(3)
  expect(attempts[2]).toMatch(
    /^attempt 3: answered 500 after \d+ ms, from 127\.0\.0\.1\n {2}sent \{.*\n {2}came broken$/,
  )
  expect(await followTheSettings(client, subscription.id)).toMatchObject({
    retryPolicy: null,
    timeoutMs: null,
  })
})

it('authorize-webhooks', async () => {
  const { addHeaders, useBasic, useBearer, useOAuth2 } = await example('authorize-webhooks')
  const tokens = resources.use(
    await startReceiver((response) => response.end('{"access_token": "fetched", "token_type": "bearer"}')),
  )
  const id = await create()
  await addHeaders(client, id)
  expect((await sent(id)).headers).toMatchObject({ 'x-team': 'billing', 'x-api-key': expect.any(String) })
  await useBasic(client, id)
  expect((await sent(id)).headers.authorization).toMatch(/^Basic /)
  await useBearer(client, id)
  expect((await sent(id)).headers.authorization).toBe('Bearer a-token-that-stays')
  await useOAuth2(client, id, tokens.url)
  expect((await sent(id)).headers.authorization).toBe('Bearer fetched')
})

it('rotate-secret', async () => {
  const { rotateSecret, addPublicKey } = await example('rotate-secret')
  const { subscription, secret } = await client.createSubscription({
    ...{ endpointUrl: receiver.url, eventTypes: ['user.created'] },
  })
  const secrets = [secret]
  await rotateSecret(client, subscription.id, (next: string) => void secrets.push(next))
  secrets.push(await addPublicKey(client, subscription.id))
  const webhook = await sent(subscription.id)
  expect(new Set(secrets).size).toBe(3)
  for (const each of secrets) await verifyWebhook({ secret: each, ...webhook })
})

it('check-health', async () => {
  const { findFailing, beginAnew } = await example('check-health')
  receiver.answerWith(500)
  const { subscription } = await client.createSubscription({
    ...{ endpointUrl: receiver.url, eventTypes: ['failing'], retryPolicy: { scheduleSeconds: [] } },
  })
  await published('failing')
  const failing = async () =>
    (await findFailing(client)).find(({ id }: { id: string }) => id === subscription.id)
  await expect.poll(failing).toMatchObject({ state: 'FAILING', consecutiveFailures: 1 })
  expect(await beginAnew(client, subscription.id)).toMatchObject({ isEnabled: true })
  expect(await failing()).toBeUndefined()
})

it.each([true, false])('receive-cloudevents, in binary mode: %s', async (isBinary) => {
  const { subscribe, readCloudEvent } = await example('receive-cloudevents')
  const { subscription, secret } = await subscribe(client, receiver.url, isBinary)
  const { headers, body } = await sent(subscription.id)
  await verifyWebhook({ secret, headers, body }).catch(({ code }) => expect(code).toBe('BAD_BODY'))
  expect(readCloudEvent(headers, body)).toMatchObject({ specversion: '1.0', type: 'user.created', data })
  await client.deleteSubscription(subscription.id)
})

it('show-client-certificate', async () => {
  const { showCertificate, endsSoon } = await example('show-client-certificate')
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.ca }
  const guarded = resources.use(await startTlsReceiver({ ...authority.issue('localhost'), ...mutual }))
  const id = await create(guarded.url)
  const { cert, key } = authority.issue('acme')
  writeFileSync(`${directory}/acme.pem`, cert)
  writeFileSync(`${directory}/acme.key`, key)
  const shown = await showCertificate(client, id, `${directory}/acme.pem`, `${directory}/acme.key`)
  await sent(id, guarded)
  expect(guarded.requests.at(-1)?.client).toBe('acme')
  expect([endsSoon(shown, 30), endsSoon(shown, 1)]).toEqual([true, false])
})

it('no example goes without a test', () => {
  const tested = [
    ...['subscribe-by-filter', 'set-retry-policy', 'show-attempts', 'authorize-webhooks', 'rotate-secret'],
    ...['check-health', 'receive-cloudevents', 'show-client-certificate'],
    // In other files.
    ...[
      'erase-event',
      'erase-tenant',
      'postgres-store',
      'publish-in-order',
      'redis-store',
      'replay-missed',
      'schedule-reminder',
      'take-deliveries',
      'send-test-event',
      'tenants',
      'verify',
      'watch-operations',
    ],
  ]
  const programs = readdirSync('docs/examples').filter((name) => name.endsWith('.mjs'))
  expect(programs.map((name) => name.replace('.mjs', '')).sort()).toEqual(tested.sort())
})
