/** The look-up of names, by real name servers on loopback and files as machines have them. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSender } from '../../src/delivery-engine/attempt/sender.js'
import { createNameLookup, type NameLookup } from '../../src/delivery-engine/dns/name-lookup.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { machineClock } from '../support/clock.js'
import { type NameServer, type NameServerAnswer, startNameServer } from '../support/name-server.js'
import { temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'

/** A look-up that a test waits for, however busy the machine is. */
const LONG_MS = 20_000
const nothing: NameServerAnswer = { rcode: 3 }
const failure: NameServerAnswer = { rcode: 2 }

let resources: Resources
let directory: string

beforeEach(() => {
  resources = createResources()
  directory = resources.use(temporaryDirectory()).path
})
afterEach(() => resources[Symbol.asyncDispose]())

const startServer = async (answer: (name: string, type: string) => NameServerAnswer) =>
  resources.use(await startNameServer(answer))

/** A server that knows these names by IPv4, for a TTL in seconds. */
const serverOf = (names: Record<string, string[]>, ttl = 60) =>
  startServer((name, type) => {
    const addresses = names[name]
    if (addresses === undefined) return nothing
    const ofType = addresses.filter((address) => (type === 'AAAA') === address.includes(':'))
    return { addresses: ofType, ttl }
  })

interface Machine {
  hosts?: string
  resolvConf?: string
  timeoutMs?: number
}

function lookupBy(
  servers: NameServer[],
  { hosts = '', resolvConf = '', timeoutMs }: Machine = {},
): NameLookup {
  const [hostsFile, resolvConfFile] = [join(directory, 'hosts'), join(directory, 'resolv.conf')]
  writeFileSync(hostsFile, hosts)
  writeFileSync(resolvConfFile, `search .\n${resolvConf}`)
  return resources.use(
    createNameLookup({
      ...{ hostsFile, resolvConf: resolvConfFile, servers: servers.map(({ address }) => address) },
      ...(timeoutMs !== undefined && { timeoutMs }),
    }),
  )
}

const find = async (names: NameLookup, hostname: string, signal = new AbortController().signal) =>
  (await names.find(hostname, signal)).map(({ address }) => address)

/** How long a look-up takes that fails with this code. */
async function msUntilFailure(names: NameLookup, hostname: string, code: string): Promise<number> {
  const since = performance.now()
  await expect(find(names, hostname)).rejects.toMatchObject({ name: 'NameLookupError', code })
  return performance.now() - since
}

describe('a name', () => {
  it('is looked up in both families', async () => {
    const server = await serverOf({ 'both.test': ['192.0.2.1', '2001:db8::1'], 'six.test': ['2001:db8::2'] })
    const names = lookupBy([server])
    expect((await find(names, 'Both.TEST')).toSorted()).toEqual(['192.0.2.1', '2001:db8::1'])
    expect(await find(names, 'six.test')).toEqual(['2001:db8::2'])
  })

  it('is found by IPv4 where its server never answers for IPv6', async () => {
    const server = await startServer((_, type) =>
      type === 'A' ? { addresses: ['192.0.2.1'], ttl: 60 } : 'silent',
    )
    expect(await find(lookupBy([server]), 'half.test')).toEqual(['192.0.2.1'])
  })

  it.each<[string, NameServerAnswer, string]>([
    ['does not exist', nothing, 'ENOTFOUND'],
    ['has no address', { addresses: [], ttl: 60 }, 'ENOTFOUND'],
    ['makes its server fail', failure, 'EAI_AGAIN'],
  ])('that %s fails, and the failure is remembered', async (_, answer, code) => {
    const server = await startServer(() => answer)
    const names = lookupBy([server])
    await msUntilFailure(names, 'bad.test', code)
    const asked = server.questions.length
    await msUntilFailure(names, 'bad.test', code)
    expect(server.questions).toHaveLength(asked)
  })

  it.each(['a..test', `${'a'.repeat(64)}.test`, 'a.'.repeat(130)])(
    'that DNS can not hold has no address: %s',
    async (name) => {
      await msUntilFailure(lookupBy([await serverOf({})]), name, 'ENOTFOUND')
    },
  )

  it('fails at once where no name server runs', async () => {
    const server = await startNameServer(() => 'silent')
    await server[Symbol.asyncDispose]()
    await msUntilFailure(lookupBy([server]), 'hooks.test', 'EAI_AGAIN')
  })

  it('is asked of the next server where the first is silent', async () => {
    const silent = await startServer(() => 'silent')
    const good = await serverOf({ 'hooks.test': ['192.0.2.1'] })
    expect(await find(lookupBy([silent, good]), 'hooks.test')).toEqual(['192.0.2.1'])
  })
})

describe('answers', () => {
  it('are kept for their TTL', async () => {
    const server = await serverOf({ 'hooks.test': ['192.0.2.1'] }, 1)
    const names = lookupBy([server])
    await find(names, 'hooks.test')
    await find(names, 'hooks.test')
    expect(server.questions).toHaveLength(2)
    await expect
      .poll(async () => (await find(names, 'hooks.test')) && server.questions.length, { timeout: LONG_MS })
      .toBe(4)
  })

  it('without a TTL are shared by the look-ups that wait for them, and not kept', async () => {
    const server = await serverOf({ 'hooks.test': ['192.0.2.1'] }, 0)
    const names = lookupBy([server])
    await Promise.all(Array.from({ length: 50 }, () => find(names, 'hooks.test')))
    expect(server.questions).toHaveLength(2)
    await find(names, 'hooks.test')
    expect(server.questions).toHaveLength(4)
  })
})

describe('a name that is never answered', () => {
  const startHalf = () =>
    startServer((name) => (name.startsWith('good') ? { addresses: ['192.0.2.1'], ttl: 0 } : 'silent'))

  it('fails in the end, and then without being asked for again', async () => {
    const server = await startHalf()
    const names = lookupBy([server], { timeoutMs: 2000 })
    expect(await msUntilFailure(names, 'dead.test', 'ETIMEOUT')).toBeGreaterThan(1900)
    const asked = server.questions.length
    await Promise.all(Array.from({ length: 20 }, () => msUntilFailure(names, 'dead.test', 'ETIMEOUT')))
    expect(server.questions).toHaveLength(asked)
  })

  it('stops a delivery that gives up while the failure is repeated', async () => {
    const server = await startHalf()
    const names = lookupBy([server], { timeoutMs: 500 })
    await msUntilFailure(names, 'dead.test', 'ETIMEOUT')
    const end = new AbortController()
    const waiting = find(names, 'dead.test', end.signal)
    end.abort(new Error('gave up'))
    await expect(waiting).rejects.toThrow('gave up')
  })

  it('holds up no other, however many there are', async () => {
    const server = await startHalf()
    const names = lookupBy([server])
    const dead = Array.from({ length: 200 }, (_, n) => find(names, `dead${n}.test`))
    const settled = Promise.allSettled(dead)
    await expect.poll(() => server.questions.length).toBeGreaterThan(2 * dead.length)
    for (let count = 0; count < 20; count += 1) {
      const since = performance.now()
      expect(await find(names, `good${count}.test`)).toEqual(['192.0.2.1'])
      expect(performance.now() - since).toBeLessThan(1000)
    }
    expect((await settled).map(({ status }) => status)).toEqual(dead.map(() => 'rejected'))
  })

  it('holds up no delivery to another name', async () => {
    const receiver = resources.use(
      await startReceiver((response) => void response.writeHead(200, { connection: 'close' }).end()),
    )
    const server = await startServer((name) =>
      name === 'good.test' ? { addresses: ['127.0.0.1'], ttl: 0 } : 'silent',
    )
    const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] })
    const options = { guard, names: lookupBy([server]), clock: machineClock, timeoutMs: LONG_MS }
    const sender = resources.use(createSender(options))
    const send = (name: string) => {
      const endpointUrl = receiver.url.replace(/127\.0\.0\.1|localhost/, name)
      return sender.send({
        endpointUrl,
        id: 'evt',
        body: Buffer.from('{}'),
        signingKeys: () => [Buffer.from('key')],
      })
    }
    const dead = Array.from({ length: 200 }, (_, n) => send(`dead${n}.test`))
    await expect.poll(() => server.questions.length).toBeGreaterThan(2 * dead.length)
    for (let count = 0; count < 20; count += 1) {
      const exchange = await send('good.test')
      expect(exchange).toMatchObject({ statusCode: 200 })
      expect(exchange.responseTimeMs).toBeLessThan(1000)
    }
    for (const exchange of await Promise.all(dead)) expect(exchange.error).toContain('(ETIMEOUT)')
  })

  it('is asked for no more once nobody waits for it', async () => {
    const server = await startHalf()
    const names = lookupBy([server])
    const [one, other] = [new AbortController(), new AbortController()]
    const waiting = [one, other].map(({ signal }) => find(names, 'dead.test', signal))
    await expect.poll(() => server.questions.length).toBeGreaterThan(0)
    one.abort(new Error('gave up'))
    await expect(waiting[0]).rejects.toThrow('gave up')
    // The other one still waits, so the question is repeated.
    await expect.poll(() => server.questions.length, { timeout: LONG_MS }).toBeGreaterThan(2)
    other.abort(new Error('gave up too'))
    await expect(waiting[1]).rejects.toThrow('gave up too')
    const asked = server.questions.length
    await pause(3000) // Longer than the resolver waits between two questions.
    expect(server.questions).toHaveLength(asked)
  })

  it('is looked up again later, and found once its server answers', async () => {
    let isAnswered = false
    const server = await startServer(() => (isAnswered ? { addresses: ['192.0.2.1'], ttl: 60 } : 'silent'))
    const names = lookupBy([server], { timeoutMs: 300 })
    await msUntilFailure(names, 'hooks.test', 'ETIMEOUT')
    isAnswered = true
    await expect
      .poll(() => find(names, 'hooks.test').catch(() => []), { timeout: LONG_MS })
      .toEqual(['192.0.2.1'])
  })
})

describe('/etc/hosts', () => {
  it('goes before DNS, by any of its names, and counts as it is now', async () => {
    const server = await serverOf({ 'hooks.test': ['192.0.2.9'], 'other.test': ['192.0.2.8'] })
    const names = lookupBy([server], {
      hosts: '# for tests\n192.0.2.1\thooks.test Hooks # here\n2001:db8::1 hooks.test\nnonsense\n10.0.0.1',
    })
    expect(await find(names, 'hooks.test')).toEqual(['192.0.2.1', '2001:db8::1'])
    expect(await find(names, 'HOOKS')).toEqual(['192.0.2.1'])
    expect(await find(names, 'other.test')).toEqual(['192.0.2.8'])
    expect(server.questions).toHaveLength(2)
    writeFileSync(join(directory, 'hosts'), '192.0.2.2 hooks.test')
    await expect.poll(() => find(names, 'hooks.test')).toEqual(['192.0.2.2'])
    rmSync(join(directory, 'hosts'))
    await expect.poll(() => find(names, 'hooks.test')).toEqual(['192.0.2.9'])
  })

  it.each(['localhost', 'a.localhost', 'localhost.'])('is not needed for %s', async (name) => {
    const server = await serverOf({ 'a.localhost': ['192.0.2.1'] })
    expect(await find(lookupBy([server]), name)).toEqual(['::1', '127.0.0.1'])
    expect(server.questions).toEqual([])
  })
})

describe('search domains', () => {
  const known = {
    'hooks.one.test': ['192.0.2.1'],
    'hooks.sub.two.test': ['192.0.2.2'],
    'hooks.com': ['192.0.2.3'],
  }
  const asksFor = async (names: NameLookup, server: NameServer, hostname: string) => {
    const addresses = await find(names, hostname).catch(({ code }) => code)
    const asked = server.questions.splice(0).filter((question) => question.startsWith('A '))
    return [addresses, ...asked.map((question) => question.slice(2))]
  }

  it.each([
    ['hooks', ['192.0.2.1'], ['hooks.one.test']],
    ['hooks.sub', ['192.0.2.2'], ['hooks.sub', 'hooks.sub.one.test', 'hooks.sub.two.test']],
    ['hooks.com', ['192.0.2.3'], ['hooks.com']],
    ['hooks.', 'ENOTFOUND', ['hooks']],
    ['none', 'ENOTFOUND', ['none.one.test', 'none.two.test', 'none']],
  ])('complete %s', async (hostname, addresses, asked) => {
    const server = await serverOf(known)
    const names = lookupBy([server], { resolvConf: 'search one.test two.test.\n' })
    expect(await asksFor(names, server, hostname)).toEqual([addresses, ...asked])
  })

  it('go first for names with fewer dots than ndots says', async () => {
    const server = await serverOf(known)
    const names = lookupBy([server], {
      resolvConf: 'domain other.test\nsearch one.test\noptions rotate ndots:2',
    })
    expect(await asksFor(names, server, 'hooks.com')).toEqual([
      ['192.0.2.3'],
      'hooks.com.one.test',
      'hooks.com',
    ])
  })

  it('are not asked in place of a name whose server is silent', async () => {
    const server = await startServer((name) =>
      name === 'hooks.com' ? 'silent' : { addresses: ['192.0.2.1'], ttl: 60 },
    )
    const names = lookupBy([server], { resolvConf: 'search one.test', timeoutMs: 500 })
    await msUntilFailure(names, 'hooks.com', 'ETIMEOUT')
    expect(server.questions).not.toContain('A hooks.com.one.test')
  })
})
