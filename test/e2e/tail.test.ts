/** `npm run tail`, as its users run it: a process of its own, its output read by another program. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Client, createClient } from '../../src/client/index.js'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'
import { startOn } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** A service that can be started again where it was, and an endpoint. */
async function place() {
  const database = resources.use(await createTestDatabase())
  const settings = { PORT: String(await findFreePort()), DELIVERY_MAX_ATTEMPTS: '2' }
  const receiver = resources.use(await startReceiver())
  const url = `http://127.0.0.1:${settings.PORT}/graphql`
  return {
    receiver,
    url,
    client: createClient({ url, apiKey: TEST_KEY }),
    start: async () => resources.use(await startOn(database, undefined, settings)),
  }
}

function run(args: string[], key: string = TEST_KEY) {
  const child: ChildProcess = spawn(process.execPath, ['dist/tail.js', ...args], {
    env: { PATH: process.env.PATH, NODE_EVENT_SERVICE_KEY: key },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const errors: string[] = []
  createInterface(child.stdout as NodeJS.ReadableStream).on('line', (line) => lines.push(line))
  createInterface(child.stderr as NodeJS.ReadableStream).on('line', (line) => errors.push(line))
  const closed = once(child, 'close') as Promise<[number | null]>
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    return (await closed)[0]
  }
  resources.use({ [Symbol.asyncDispose]: async () => void (await end('SIGKILL')) })
  return { lines, errors, closed, end }
}

/** Runs it until it follows the service. */
async function tail(url: string, ...args: string[]) {
  const program = run(['--url', url, ...args])
  await expect.poll(() => program.lines[0], { timeout: 5000 }).toBe(`# Following ${url}`)
  const changes = () => program.lines.filter((line) => !line.startsWith('#'))
  return { ...program, changes }
}

const subscribe = (client: Client, endpointUrl: string, type = 'user.created') =>
  client.createSubscription({ endpointUrl, eventTypes: [type] })
const publish = (client: Client, type = 'user.created') => client.publishEvent({ type, data: {} })

/** `2026-01-31T18:20:43.400Z SENT 1 user.created http://… uuid` without what differs from run to run. */
const words = (line: string) => line.split(' ').slice(1, 5).join(' ')

describe('tail, its output piped', () => {
  it('prints a line for each change, and ends cleanly when it is interrupted', async () => {
    const { receiver, url, client, start } = await place()
    await start()
    await subscribe(client, receiver.url)
    const { changes, end, errors } = await tail(url)
    receiver.answerWith(503, 200)
    const { event } = await publish(client)
    await expect.poll(() => changes().length, { timeout: 5000 }).toBe(3)
    expect(changes().map(words)).toEqual([
      `PENDING 0 user.created ${receiver.url}`,
      `FAILED 1 user.created ${receiver.url}`,
      `SENT 2 user.created ${receiver.url}`,
    ])
    const [delivery] = (await client.deliveries({ filter: { eventId: event.id } })).items
    expect(changes()[1]).toMatch(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\S+Z FAILED .* ${delivery?.id} .*503`))
    expect([await end('SIGINT'), errors]).toEqual([0, []])
  })

  it('prints only what its filters let through', async () => {
    const { receiver, url, client, start } = await place()
    await start()
    const { subscription } = await subscribe(client, receiver.url)
    await subscribe(client, `${receiver.url}/other`, 'user.deleted')
    const filtered = await tail(url, '--status', 'dead,FAILED', '--subscription', subscription.id)
    const all = await tail(url)
    receiver.answerWith(500)
    await publish(client, 'user.deleted')
    await publish(client)
    await expect.poll(() => all.changes().length, { timeout: 5000 }).toBe(6)
    await expect.poll(() => filtered.changes().length, { timeout: 5000 }).toBe(2)
    expect(filtered.changes().map(words)).toEqual([
      `FAILED 1 user.created ${receiver.url}`,
      `DEAD 2 user.created ${receiver.url}`,
    ])
  })

  it('survives a restart of the service, and says so', async () => {
    const { receiver, url, client, start } = await place()
    const before = await start()
    await subscribe(client, receiver.url)
    const { lines, changes } = await tail(url)
    await publish(client)
    await expect.poll(() => changes().length, { timeout: 5000 }).toBe(2)
    await before[Symbol.asyncDispose]()
    await expect
      .poll(() => lines.at(-1), { timeout: 5000 })
      .toMatch(/^# .* can not be reached .* Trying again/)
    await start()
    await expect.poll(() => lines.at(-1), { timeout: 10_000 }).toMatch(/^# Connected to .* again/)
    const { event } = await publish(client)
    const [delivery] = (await client.deliveries({ filter: { eventId: event.id } })).items
    // What happens while it asks for what it has missed may be told as it stands, without the way there.
    const last = `SENT 1 user.created ${receiver.url} ${delivery?.id}`
    await expect.poll(() => changes().at(-1), { timeout: 5000 }).toContain(last)
  })
})

describe('tail --json', () => {
  it('prints an object for each change, and nothing else', async () => {
    const { receiver, url, client, start } = await place()
    await start()
    await subscribe(client, receiver.url)
    const { lines, errors, end } = run(['--url', url, '--json'])
    await expect.poll(() => errors[0], { timeout: 5000 }).toBe(`# Following ${url}`)
    const { event } = await publish(client)
    await expect.poll(() => lines.length, { timeout: 5000 }).toBe(2)
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ eventId: event.id, status: 'PENDING', attempts: 0 }),
      expect.objectContaining({
        eventId: event.id,
        status: 'SENT',
        attempts: 1,
        event: { type: 'user.created' },
      }),
    ])
    expect(await end('SIGINT')).toBe(0)
  })
})

describe('tail that can not begin', () => {
  it.each(['event', 'subscription'])('says that there is no such %s', async (what) => {
    const { url, start } = await place()
    await start()
    for (const id of ['019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f', 'nope']) {
      const { closed, errors, lines } = run(['--url', url, `--${what}`, id])
      expect((await closed)[0]).toBe(1)
      expect([errors, lines]).toEqual([[`There is no ${what} ${id}. See --${what}.`], []])
    }
  })

  it('says that the key is wrong', async () => {
    const { url, start } = await place()
    await start()
    const { closed, errors, lines } = run(['--url', url], 'wrong')
    expect((await closed)[0]).toBe(1)
    expect([errors, lines]).toEqual([[expect.stringMatching(/key is not known here.*--key/)], []])
  })

  it('says that nobody is there', async () => {
    const { url } = await place()
    const { closed, errors } = run(['--url', url])
    expect((await closed)[0]).toBe(1)
    expect(errors).toEqual([`${url} can not be reached (ECONNREFUSED). Is the service running? See --url.`])
  })

  it('says what it did not understand, and how it is used', async () => {
    const { closed, errors } = run(['--status', 'LOST'])
    expect((await closed)[0]).toBe(1)
    expect(errors[0]).toBe('--status takes PENDING, SENT, FAILED, DEAD, not "LOST".')
    expect(errors.join('\n')).toContain('npm run tail -- [options]')
  })

  it('explains itself', async () => {
    const { closed, lines } = run(['--help'])
    expect((await closed)[0]).toBe(0)
    expect(lines.join('\n')).toContain('npm run tail -- [options]')
  })
})
