/** The image, run as docker-compose.yml runs it: every program of it, on a root file system that it can only read. */
import { randomUUID } from 'node:crypto'
import { lstatSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Client, createClient } from '../support/client.js'
import { startReceiverAt } from '../support/receiver.js'
import { type Composition, composeUp, imageMounts, untilHealthy } from './support/compose.js'
import { readComposeFile } from './support/compose-file.js'
import { type Container, startContainer } from './support/container.js'
import type { Image } from './support/image-build.js'

const MAX_IMAGE_MB = 120
const KEY = 'a-key-of-the-environment-0123456789'
const KEY_IN_FILE = 'a-key-of-the-file-0123456789'
const WAIT = { timeout: 30_000, interval: 100 }

/** The console follows until it is told to end. */
const followUntilSent = `node dist/tail.js --since 2020-01-01T00:00:00Z > /tmp/tail &
until grep -m 1 SENT /tmp/tail; do sleep 0.2; done
kill -INT $!`

const lack = inject('lack')
// Where there is a lack, no test gets as far as to use it.
const image = inject('image') as Image
let resources: Resources
let composition: Composition
let directory: string

// A CI that can't show the image must not look as if it had.
it.runIf(process.env.CI)('can be shown on this machine', () => expect(lack).toBe(undefined))
beforeEach(({ skip, task }) => {
  if (lack !== undefined && task.suite) skip(lack)
})

beforeAll(async () => {
  resources = createResources()
  if (lack !== undefined) return
  directory = await mkdtemp(join(tmpdir(), 'node-event-service-compose-'))
  resources.use({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) })
  await mkdir(join(directory, 'settings'))
  await writeFile(join(directory, 'settings/keys'), `${KEY_IN_FILE}\n`)
  const environment = (gateway: string) => ({
    API_KEYS: KEY,
    API_KEYS_FILE: '/settings/keys',
    POSTGRES_PASSWORD: 'letters4nd5digits',
    DELIVERY_ALLOWED_CIDRS: `${gateway}/32`,
    GRAPHIQL: 'true',
    GRAPHQL_INTROSPECTION: 'true',
    RETENTION_DAYS: '30',
  })
  composition = resources.use(await composeUp({ image, directory, environment }))
})
afterAll(() => resources[Symbol.asyncDispose]())

describe('the image', () => {
  it(`has files of at most ${MAX_IMAGE_MB} MB, as a disk counts them`, () => {
    const megabytes = allocatedBytes(image.root) / 1e6
    process.stdout.write(`The image's files: ${megabytes.toFixed(1)} MB\n`)
    expect(megabytes).toBeLessThan(MAX_IMAGE_MB)
  })

  it('holds nobody but root for the owner of its files', () => {
    expect(pathsBelow(image.root).filter((path) => lstatSync(path).uid !== 0)).toEqual([])
  })
})

describe('docker-compose.yml', () => {
  it('asks for what it can have no default for', async () => {
    await expect(readComposeFile({ POSTGRES_PASSWORD: 'x' })).rejects.toThrow(
      /API_KEYS is missing .*Set API_KEYS/,
    )
    await expect(readComposeFile({ API_KEYS: 'x' })).rejects.toThrow(/POSTGRES_PASSWORD is missing/)
  })

  it('starts what others need first, and nobody before the migrations are done', () => {
    const order = (event: string) => composition.events.indexOf(event)
    expect(order('postgres healthy')).toBeLessThan(order('migrate started'))
    for (const name of ['api', 'worker']) {
      expect(order('migrate completed')).toBeLessThan(order(`${name} started`))
      expect(order('redis healthy')).toBeLessThan(order(`${name} started`))
      expect(order(`${name} healthy`)).toBeGreaterThan(0)
    }
  })
})

describe('api and worker apart, with the queue on Redis', () => {
  it('deliver an event', () => showDelivery(clientOf('api')))

  it('know the keys of a file in ./settings', async () => {
    const { status } = await clientOf('api', KEY_IN_FILE).get('/v1/stats')
    expect(status).toBe(200)
  })

  it.each([
    ['/docs', 'text/html'],
    ['/docs/static/swagger-ui-bundle.js', 'application/javascript'],
    ['/docs/static/swagger-ui.css', 'text/css'],
    ['/openapi.json', 'application/json'],
    ['/v1/metrics', 'text/plain'],
    ['/graphql', 'text/html'],
  ])('answer %s', async (path, type) => {
    const response = await fetch(`${urlOf('api')}${path}`, { headers: { accept: type } })
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining(type),
    ])
    expect((await response.text()).length).toBeGreaterThan(500)
  })

  it('answer in GraphQL, out of the database', async () => {
    const query =
      '{ events(first: 1) { edges { node { id status deliveries(first: 1) { edges { node { status } } } } } } }'
    const { status, body } = await clientOf('api').post('/graphql', { query })
    expect([status, body.errors]).toEqual([200, undefined])
    expect(body.data.events.edges).toHaveLength(1)
  })

  it.each([
    ['migrate', ['node', 'dist/migrate.js'], /up to date/i],
    ['retention', ['node', 'dist/retention.js', '--dry-run'], /events/i],
    ['tail', ['sh', '-c', followUntilSent], /SENT/],
  ])('run %s', async (_, command, says) => {
    const run = await container('api').exec(command, { NODE_EVENT_SERVICE_KEY: KEY })
    expect(run).toEqual({ code: 0, output: expect.stringMatching(says) })
  })

  it('can write to /tmp and nowhere else', async () => {
    const write = (path: string) => container('worker').exec(['sh', '-c', `echo > ${path}`])
    expect((await write('/tmp/file')).code).toBe(0)
    for (const path of ['/app/file', '/file', '/etc/file', '/settings/file']) {
      expect(await write(path)).toMatchObject({ output: expect.stringMatching(/Read-only file system/) })
    }
  })

  it('end in order, within their time', async () => {
    const codes = [container('api'), container('worker')].map((each) => each.stop(image.stopSignal))
    expect(await Promise.all(codes)).toEqual([0, 0])
  })
})

describe('one service in two processes, with the queue on PostgreSQL', () => {
  it('delivers an event, and ends in order', async () => {
    const { REDIS_URL: _, ...environment } = composition.file.services.api?.environment ?? {}
    const name = 'alone'
    const namespace = composition.networks.join(name, ['default', 'data'])
    const hostsFile = join(directory, `${name}.hosts`)
    await writeFile(hostsFile, composition.networks.hostsFor(name))
    const alone = startContainer({
      ...{ name, namespace, hostsFile, user: image.user, command: image.command },
      environment: { ...image.environment, ...environment, ROLE: 'all', PROCESSES: '2', API_KEYS_FILE: '' },
      workingDirectory: image.workingDirectory,
      mounts: imageMounts(image),
      tmpfs: ['/tmp'],
      isReadOnly: true,
      stopGraceMs: 30_000,
    })
    resources.use(alone)
    await untilHealthy(alone, image.healthcheck)
    await showDelivery(clientOf(name))
    expect(await alone.stop(image.stopSignal)).toBe(0)
  })
})

async function showDelivery(api: Client): Promise<void> {
  await using receiver = await startReceiverAt(composition.networks.gatewayOf('default'))
  // Of its own: nobody listens any more for those before it.
  const type = `image.${randomUUID()}`
  const subscription = { endpointUrl: receiver.url, eventTypes: [type] }
  expect(await api.post('/v1/subscriptions', subscription)).toMatchObject({ status: 201 })
  const { status, body } = await api.post('/v1/events', { type, data: { userId: 'u_123' } })
  expect(status).toBe(202)
  const delivered = async () => (await api.get(`/v1/events/${body.eventId}`)).body.status === 'DELIVERED'
  await vi.waitUntil(delivered, WAIT)
  expect(receiver.requests.at(-1)?.headers['webhook-id']).toBe(body.eventId)
}

function container(name: string): Container {
  const found = composition.containers.get(name)
  if (found === undefined) throw new Error(`${name} was not started`)
  return found
}

const urlOf = (name: string) => `http://${composition.networks.addressOf(name)}:3000`
const clientOf = (name: string, key = KEY) => createClient(urlOf(name), key)

const pathsBelow = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true }).map((each) => join(each.parentPath, each.name))

/** Whole blocks, folders too: what `du` counts. */
const allocatedBytes = (root: string) =>
  pathsBelow(root).reduce((sum, path) => sum + lstatSync(path).blocks * 512, 0)
