import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { runToEnd, temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'

const exported = (name: string) => join(import.meta.dirname, 'endpoint-exports', `${name}.json`)
const svix = [
  'svix',
  exported('svix-endpoints'),
  '--secrets',
  exported('svix-secrets'),
  '--headers',
  exported('svix-headers'),
]
const convoy = ['convoy', exported('convoy-endpoints'), '--subscriptions', exported('convoy-subscriptions')]
const SVIX_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

async function place() {
  const service = resources.use(await startTestService('postgres'))
  const directory = resources.use(temporaryDirectory()).path
  const settings = { NODE_EVENT_SERVICE_KEY: TEST_KEY }
  const run = (args: string[]) =>
    runToEnd('import-endpoints.js', { settings, directory }, ['--url', service.url, ...args])
  const list = async () => (await service.api.get('/v1/subscriptions')).body.items
  return { api: service.api, directory, run, list }
}

it('creates what it can of Svix, says what it could not, and finds all of it the second time', async () => {
  const { run, list } = await place()

  const { code, output } = await run(svix)
  expect(code).toBe(1)
  expect(output.split('\n')).toEqual([
    expect.stringMatching(/^created .*billing.*\(ep_1.*\): invoice.paid, invoice.voided; [0-9a-f-]{36}$/),
    expect.stringMatching(/^created .*warehouse.*: \*; it gets a new secret.*, secret whsec_.+$/),
    expect.stringMatching(/^left out .*project.*: it takes the messages of some channels only/),
    expect.stringMatching(/^left out .*asymmetric.*: its webhooks are signed with an asymmetric key/),
    expect.stringMatching(/^refused .*blank.*: eventTypes\.0: /),
  ])
  expect(await list()).toMatchObject([
    {
      endpointUrl: 'https://warehouse.example.com/hooks',
      eventTypes: ['*'],
      isEnabled: false,
      labels: { team: 'data' },
      headers: {},
    },
    {
      endpointUrl: 'https://billing.example.com/hooks',
      eventTypes: ['invoice.paid', 'invoice.voided'],
      isEnabled: true,
      description: 'Billing',
      maxRequestsPerSecond: 20,
      labels: { uid: 'billing' },
      headers: { 'x-team': 'billing' },
    },
  ])

  const again = await run(svix)
  expect(again.output.split('\n').map((line) => line.split(' ')[0])).toEqual([
    ...['exists', 'exists', 'left', 'left', 'refused'],
  ])
  expect(await list()).toHaveLength(2)
})

it('creates what it can of Convoy, with the limits and states of its endpoints', async () => {
  const { run, list } = await place()

  const { code, output } = await run(convoy)
  expect(code).toBe(1)
  const lines = output.split('\n')
  expect(lines.map((line) => line.slice(0, 12).trim())).toEqual([
    ...['created', 'left out', 'created', 'created', 'left out', 'left out'],
    ...['created', 'left out', 'left out', 'left out'],
  ])
  expect(output).not.toContain('hidden')
  for (const reason of [
    'filters by content',
    'authentication (oauth2)',
    'a client certificate',
    'a function',
    'a source',
    'no subscription',
  ])
    expect(output).toContain(reason)
  expect(await list()).toMatchObject([
    {
      endpointUrl: 'https://tokens.example.com/hooks',
      auth: {
        kind: 'OAUTH2',
        oauth2: { tokenUrl: 'https://login.example.com/token', clientId: 'convoy', scope: 'events' },
      },
    },
    { endpointUrl: 'https://guarded.example.com/hooks', secretHeaders: ['x-token'], timeoutMs: null },
    {
      endpointUrl: 'https://audit.example.com/hooks',
      eventTypes: ['*'],
      isEnabled: false,
      description: 'Audit',
      maxRequestsPerSecond: 1,
      timeoutMs: 10_000,
      labels: {},
    },
    {
      endpointUrl: 'https://orders.example.com/hooks',
      eventTypes: ['order.created', 'order.paid'],
      isEnabled: true,
      description: 'Orders: Order events',
      maxRequestsPerSecond: 83,
      timeoutMs: 10_000,
      labels: { owner_id: 'tenant-1' },
    },
  ])
})

it.each([
  ['Svix', svix, 'svix-endpoints', 'https://billing.example.com/hooks', 'invoice.paid', SVIX_SECRET],
  // Convoy's are used as they are.
  [
    ...(['Convoy', convoy, 'convoy-endpoints', 'https://orders.example.com/hooks', 'order.paid'] as const),
    Buffer.from('Vuk5LM0uujddIsqO5v_eSuz88').toString('base64'),
  ],
])('signs with the secret that an endpoint had in %s', async (_, args, name, url, type, secret) => {
  const { api, directory, run } = await place()
  const receiver = resources.use(await startReceiver())
  const moved = join(directory, 'endpoints.json')
  writeFileSync(moved, readFileSync(exported(name), 'utf8').replace(url, receiver.url))
  await run(args.map((arg) => (arg === exported(name) ? moved : arg)))

  await api.post('/v1/events', { type, data: {} })
  await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(1)
  const [{ body, headers }] = receiver.requests as [(typeof receiver.requests)[0]]
  new Webhook(secret).verify(body, headers as Record<string, string>)
})

it('reads several pages, as an array or as files, and creates nothing in a dry run', async () => {
  const { directory, run, list } = await place()
  const pages = join(directory, 'pages.json')
  const page = readFileSync(exported('svix-endpoints'), 'utf8')
  writeFileSync(pages, `[${page}, ${page}]`)

  const { output } = await run(['svix', pages, exported('svix-endpoints'), '--dry-run'])
  // Without their secrets, the asymmetric one is not known to be so.
  expect(output.match(/^would create/gm)).toHaveLength(12)
  expect(await list()).toEqual([])
})

it.each([
  [[], 'Name svix or convoy, and a file of endpoints.'],
  [['hookdeck', 'endpoints.json'], '"hookdeck" is neither svix nor convoy.'],
  [convoy.slice(0, 2), 'Convoy needs --subscriptions'],
  [['svix', 'none.json'], "none.json can't be read as JSON: ENOENT"],
  [['svix', exported('convoy-endpoints')], "is not Svix's list of endpoints: data: "],
  [[...svix, '--key', 'wrong'], 'did not create it: '],
  [[...svix, '--secret', 'x'], "Unknown option '--secret'"],
])('creates nothing when it is told %j', async (args, sentence) => {
  const { run, list } = await place()
  expect(await run(args)).toEqual({ code: 1, output: expect.stringContaining(sentence) })
  expect(await list()).toEqual([])
})

it('says that the service is away', async () => {
  const { run } = await place()
  const { code, output } = await run([...svix, '--url', 'http://127.0.0.1:9'])
  expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining("can't be reached") })
})

it('leaves out an endpoint with headers whose values Svix does not show', async () => {
  const { directory, run } = await place()
  const headers = join(directory, 'headers.json')
  const answer = { headers: { 'X-Team': 'billing' }, sensitive: ['X-Token'] }
  writeFileSync(headers, JSON.stringify({ ep_1srOrx2ZWZBpBUvZwXKQmoEYga2: answer }))
  const { output } = await run(['svix', exported('svix-endpoints'), '--headers', headers, '--dry-run'])
  expect(output).toMatch(/^left out .*billing.*: Svix does not show the values of its headers X-Token$/m)
})

it.each([
  ['convoy', 'data.content.0.filter_config.filter.__proto__', [exported('convoy-endpoints')]],
  ['svix', 'data.0.metadata.__proto__', []],
])('refuses a file of %s with a name that JavaScript would lose', async (source, path, others) => {
  const { directory, run, list } = await place()
  const file = join(directory, 'lost.json')
  const rules = '{"__proto__": "amount > 5"}'
  const item =
    source === 'svix'
      ? `{"id": "ep_1", "url": "https://a.example.com/", "metadata": ${rules}}`
      : `{"uid": "1", "endpoint_metadata": null, "filter_config": {"filter": ${rules}}}`
  writeFileSync(file, source === 'svix' ? `{"data": [${item}]}` : `{"data": {"content": [${item}]}}`)
  const args = source === 'svix' ? ['svix', file] : ['convoy', ...others, '--subscriptions', file]
  expect(await run(args)).toEqual({
    code: 1,
    output: expect.stringContaining(`${path}: is a name that can not be used`),
  })
  expect(await list()).toEqual([])
})
