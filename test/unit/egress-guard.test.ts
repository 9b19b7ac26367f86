import type { LookupAddress } from 'node:dns'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createGuardedConnector } from '../../src/delivery-engine/egress/connector.js'
import {
  createEgressGuard,
  type EgressGuard,
  EgressRefusedError,
} from '../../src/delivery-engine/egress/egress-guard.js'

const strict = createEgressGuard({ allowedCidrs: [] })

describe('checkUrl', () => {
  test.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.0.0.1/',
    'http://017700000001/',
    'http://0177.0.0.01/',
    'http://127.0.0.1./',
    'http://127.0.0.1../',
    'http://①②⑦.0.0.1/',
    'http://127。0。0。1/',
    'http://%31%32%37.0.0.1/',
    'http://0/',
    'http://user:password@10.0.0.1/',
    'http://8.8.8.8@10.0.0.1/',
    'http://8.8.8.8:80@10.0.0.1:443/?@8.8.8.8',
    'https://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::]:8080/',
    'http://[::ffff:127.0.0.1]/',
    'http://[0:0:0:0:0:ffff:7f00:1]/',
    'http://[64:ff9b::10.0.0.1]/',
    'http://[fd00::1]/',
    'http://localhost/',
    'http://LOCALHOST:3000/',
    'http://localhost./',
    'http://localhost../',
    'http://hooks.localhost/',
    'http://hooks.localhost./',
  ])('refuses %s', (url) => {
    expect(strict.checkUrl(new URL(url))).toMatch(/loopback|private|link-local|this network|unspecified/)
  })

  test.each([
    'https://example.com/',
    'https://example.com./',
    'http://8.8.8.8/',
    'http://10.0.0.1@8.8.8.8/',
    'http://134744072/',
    'http://[2606:4700:4700::1111]/',
    'http://localhost.example.com/',
    'http://notlocalhost/',
    'http://127.0.0.1.example.com/',
  ])('has nothing against %s', (url) => {
    expect(strict.checkUrl(new URL(url))).toBeUndefined()
  })

  test('says what is wrong and how to open it', () => {
    expect(strict.checkUrl(new URL('http://0xa.5/'))).toBe(
      '10.0.0.5 is not a public address (private, 10.0.0.0/8). ' +
        'Deliveries go to public addresses only; DELIVERY_ALLOWED_CIDRS opens exceptions.',
    )
  })

  test.each(['127.0.0.0/8', '::1/128'])('lets localhost through when %s is allowed', (cidr) => {
    const guard = createEgressGuard({ allowedCidrs: [cidr] })
    expect(guard.checkUrl(new URL('http://localhost:3000/'))).toBeUndefined()
  })
})

describe('allowedCidrs', () => {
  test.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '11.0.0.1', true],
    ['10.0.0.0/8', '192.168.0.1', false],
    ['10.0.0.0/8', '64:ff9b::10.1.2.3', false],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fc12::1', false],
    ['::/0', 'fd12::1', true],
    ['::/0', '::ffff:10.1.2.3', false],
    ['10.0.0.0/8', '::10.1.2.3', false],
    ['::10.0.0.0/104', '::10.1.2.3', true],
    ['::10.0.0.0/104', '10.1.2.3', false],
    ['0.0.0.0/0', '127.0.0.1', true],
    ['0.0.0.0/0', '::1', false],
    ['fe80::/10', 'fe80::1', true],
    ['fe80::/10', 'fe80::1%eth0', false],
  ])('with %s, %s is allowed: %s', (cidr, address, expected) => {
    expect(createEgressGuard({ allowedCidrs: [cidr] }).isAllowed(address)).toBe(expected)
  })

  test('names the range that is none', () => {
    expect(() => createEgressGuard({ allowedCidrs: ['10.0.0.0/8', 'office'] })).toThrow(
      '"office" is not a CIDR range such as 10.0.0.0/8 or fd00::/8',
    )
  })
})

describe('lookup', () => {
  test('hands on only the public ones of a name that resolves to both kinds', async () => {
    const guard = guardThatResolves(['10.0.0.1', '8.8.8.8', '::1', '2606:4700::1'])
    await expect(lookup(guard, { all: true })).resolves.toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ])
    await expect(lookup(guard, {})).resolves.toEqual(['8.8.8.8', 4])
  })

  test.each([{ all: true }, {}])('fails when no public address is left (%j)', async (options) => {
    const failure = lookup(guardThatResolves(['10.0.0.5', '::1']), options)
    await expect(failure).rejects.toBeInstanceOf(EgressRefusedError)
    await expect(failure).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
      message:
        'hooks.test resolves only to non-public addresses: ' +
        '10.0.0.5 is not a public address (private, 10.0.0.0/8). ' +
        'Deliveries go to public addresses only; DELIVERY_ALLOWED_CIDRS opens exceptions.',
    })
  })

  test("passes on the resolver's own errors", async () => {
    const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })
    const guard = createEgressGuard({ allowedCidrs: [], resolve: () => Promise.reject(notFound) })
    await expect(lookup(guard, { all: true })).rejects.toBe(notFound)
    await expect(lookup(guardThatResolves([]), { all: true })).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  test('asks the system when no resolver is given', async () => {
    await expect(lookup(strict, { all: true }, 'localhost')).rejects.toMatchObject({ code: 'EGRESS_REFUSED' })
  })

  test('asks for the family that the connection wants', async () => {
    const asked: unknown[] = []
    const guard = createEgressGuard({
      allowedCidrs: [],
      resolve: async (_, options) => {
        asked.push(options)
        return [{ address: '8.8.8.8', family: 4 }]
      },
    })
    await lookup(guard, { family: 'IPv4' })
    await lookup(guard, { family: 6, hints: 32 })
    await lookup(guard, { family: 0 })
    expect(asked).toEqual([{ family: 4 }, { family: 6, hints: 32 }, {}])
  })
})

describe('the connector', () => {
  test.each(['127.0.0.1', 'localhost'])('refuses %s, and the server sees no connection', async (host) => {
    const server = await startServer()
    const failure = get(strict, `http://${host}:${server.port}/`)
    await expect(failure).rejects.toMatchObject({ code: 'EGRESS_REFUSED', name: 'EgressRefusedError' })
    expect(server.connections()).toBe(0)
  })

  test.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])(
    'reaches %s when it is allowed',
    async (host) => {
      const server = await startServer()
      const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] })
      await expect(get(guard, `http://${host}:${server.port}/`)).resolves.toBe('reached')
    },
  )

  test('judges a name by the answer that it connects to, not by an earlier one', async () => {
    const server = await startServer()
    const answers = ['8.8.8.8', '127.0.0.1']
    const guard = createEgressGuard({
      allowedCidrs: [],
      resolve: async () => toLookupAddresses([answers.shift() ?? 'none']),
    })
    await expect(lookup(guard, {}, 'rebind.test')).resolves.toEqual(['8.8.8.8', 4])
    await expect(get(guard, `http://rebind.test:${server.port}/`)).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
      message: expect.stringContaining('rebind.test resolves only to non-public addresses: 127.0.0.1 is'),
    })
    expect(server.connections()).toBe(0)
  })

  test('connects to the allowed one of several addresses', async () => {
    const server = await startServer()
    const guard = createEgressGuard({
      allowedCidrs: ['127.0.0.1/32'],
      resolve: async () => toLookupAddresses(['::1', '127.0.0.2', '127.0.0.1']),
    })
    await expect(get(guard, `http://several.test:${server.port}/`)).resolves.toBe('reached')
  })

  test('looks once more at the address that the socket names', async () => {
    const server = await startServer()
    const open = createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] })
    // A guard whose lookup lets slip what its judgement refuses.
    const guard = { ...strict, lookup: open.lookup }
    await expect(get(guard, `http://localhost:${server.port}/`)).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
    })
    expect(server.requests()).toBe(0)
  })
})

function guardThatResolves(addresses: string[]): EgressGuard {
  return createEgressGuard({ allowedCidrs: [], resolve: async () => toLookupAddresses(addresses) })
}

function toLookupAddresses(addresses: string[]): LookupAddress[] {
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

function lookup(guard: EgressGuard, options: Parameters<EgressGuard['lookup']>[1], hostname = 'hooks.test') {
  return new Promise((resolve, reject) => {
    guard.lookup(hostname, options, (error, address, family) => {
      if (error) reject(error)
      else resolve(options.all ? address : [address, family])
    })
  })
}

async function get(guard: EgressGuard, url: string): Promise<string> {
  const agent = new Agent({ connect: createGuardedConnector({ guard, connectTimeoutMs: 5000 }) })
  try {
    const { body } = await request(url, { dispatcher: agent })
    return await body.text()
  } finally {
    await agent.close()
  }
}

async function startServer() {
  let connections = 0
  let requests = 0
  const server = createServer((_, response) => {
    requests += 1
    response.end('reached')
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]()
  })
  const { port } = server.address() as AddressInfo
  return { port, connections: () => connections, requests: () => requests }
}
