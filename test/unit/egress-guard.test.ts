import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createNameLookup, type NameLookup } from '../../src/delivery-engine/dns/name-lookup.js'
import { NameLookupError } from '../../src/delivery-engine/dns/name-lookup-error.js'
import { allowedAddresses } from '../../src/delivery-engine/egress/addresses.js'
import { createGuardedConnector } from '../../src/delivery-engine/egress/connector.js'
import {
  createEgressGuard,
  type EgressGuard,
  EgressRefusedError,
} from '../../src/delivery-engine/egress/egress-guard.js'
import { namesFrom } from '../support/names.js'

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

describe('allowedAddresses', () => {
  test('hands on only the public ones of a name that resolves to both kinds', async () => {
    const names = namesFrom(() => ['10.0.0.1', '8.8.8.8', '::1', '2606:4700::1'])
    await expect(addressesBy(strict, names)).resolves.toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ])
  })

  test('fails when no public address is left', async () => {
    const failure = addressesBy(
      strict,
      namesFrom(() => ['10.0.0.5', '::1']),
    )
    await expect(failure).rejects.toBeInstanceOf(EgressRefusedError)
    await expect(failure).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
      message:
        'hooks.test resolves only to non-public addresses: ' +
        '10.0.0.5 is not a public address (private, 10.0.0.0/8). ' +
        'Deliveries go to public addresses only; DELIVERY_ALLOWED_CIDRS opens exceptions.',
    })
  })

  test('looks up no name for an address', async () => {
    await expect(addressesBy(strict, unused, '8.8.8.8')).resolves.toEqual([{ address: '8.8.8.8', family: 4 }])
    await expect(addressesBy(strict, unused, '10.0.0.5')).rejects.toMatchObject({
      message: expect.stringMatching(/^10\.0\.0\.5 is not a public address/),
    })
  })

  test('passes on the error of the look-up', async () => {
    const notFound = new NameLookupError('ENOTFOUND', 'hooks.test')
    const names = namesFrom(() => Promise.reject(notFound))
    await expect(addressesBy(strict, names)).rejects.toBe(notFound)
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
    const names = namesFrom(() => [answers.shift() ?? 'none'])
    await expect(addressesBy(strict, names)).resolves.toEqual([{ address: '8.8.8.8', family: 4 }])
    await expect(get(strict, `http://rebind.test:${server.port}/`, names)).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
      message: expect.stringContaining('rebind.test resolves only to non-public addresses: 127.0.0.1 is'),
    })
    expect(server.connections()).toBe(0)
  })

  test('connects to the allowed one of several addresses', async () => {
    const server = await startServer()
    const guard = createEgressGuard({ allowedCidrs: ['127.0.0.1/32'] })
    const names = namesFrom(() => ['::1', '127.0.0.2', '127.0.0.1'])
    await expect(get(guard, `http://several.test:${server.port}/`, names)).resolves.toBe('reached')
  })

  test('looks once more at the address that the socket names', async () => {
    const server = await startServer()
    // A guard that lets an address through before the connection is made.
    const guard = { ...strict, isAllowed: () => true }
    await expect(get(guard, `http://localhost:${server.port}/`)).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
    })
    expect(server.requests()).toBe(0)
  })
})

const unused = namesFrom(() => Promise.reject(new Error('No name is to be looked up.')))

const addressesBy = (guard: EgressGuard, names: NameLookup, hostname = 'hooks.test') =>
  allowedAddresses({ guard, names, hostname, signal: new AbortController().signal })

async function get(guard: EgressGuard, url: string, names = createNameLookup()): Promise<string> {
  const agent = new Agent({ connect: createGuardedConnector({ guard, names, connectTimeoutMs: 5000 }) })
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
