/** Whose a request is taken to be: real requests, over real connections from more than one address. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { createAddressOf } from '../../src/platform/client-address.js'
import { parseNetwork } from '../../src/platform/ip-ranges.js'

interface Visit {
  /** Whose word is believed. */
  trusted: string[]
  /** The address that the connection comes from. */
  from: string
  forwarded?: string | string[]
}

async function addressSeen({ trusted, from, forwarded }: Visit): Promise<string> {
  const addressOf = createAddressOf(trusted.map(parseNetwork))
  const server = createServer((incoming, response) => response.end(addressOf(incoming)))
  server.listen(0, '::')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const host = from.includes(':') ? '::1' : '127.0.0.1'
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    const sent = request({ host, port, localAddress: from, headers, agent: false }).end()
    const [answer] = await once(sent, 'response')
    return await text(answer)
  } finally {
    server.close()
  }
}

const proxy = '127.0.0.1'
const both = ['127.0.0.1/32', '10.0.0.0/8']

it.each<[why: string, Visit, address: string]>([
  ['the setting is not there', { trusted: [], from: proxy, forwarded: '203.0.113.7' }, `::ffff:${proxy}`],
  ['a stranger says so', { trusted: both, from: '127.0.0.2', forwarded: '203.0.113.7' }, '::ffff:127.0.0.2'],
  ['a proxy says nothing', { trusted: both, from: proxy }, `::ffff:${proxy}`],
  ['a proxy says so', { trusted: both, from: proxy, forwarded: '203.0.113.7' }, '203.0.113.7'],
  [
    'a stranger said something before a proxy',
    { trusted: both, from: proxy, forwarded: '10.9.9.9, 198.51.100.1,203.0.113.7' },
    '203.0.113.7',
  ],
  [
    'there are two proxies',
    { trusted: both, from: proxy, forwarded: '198.51.100.1, 203.0.113.7, 10.0.0.2' },
    '203.0.113.7',
  ],
  [
    'the header comes twice',
    { trusted: both, from: proxy, forwarded: ['203.0.113.7', '10.0.0.2'] },
    '203.0.113.7',
  ],
  ['only proxies are named', { trusted: both, from: proxy, forwarded: '10.0.0.3, 10.0.0.2' }, '10.0.0.3'],
  ['it is IPv6', { trusted: ['::1/128'], from: '::1', forwarded: '2001:db8::7' }, '2001:db8::7'],
  ['it is IPv6, of a stranger', { trusted: ['fd00::/8'], from: '::1', forwarded: '2001:db8::7' }, '::1'],
  ['a port is with it', { trusted: both, from: proxy, forwarded: '203.0.113.7:4711' }, '203.0.113.7'],
  ['a port is with IPv6', { trusted: both, from: proxy, forwarded: '[2001:db8::7]:4711' }, '2001:db8::7'],
  [
    'a proxy of IPv4 is named as one of IPv6',
    { trusted: both, from: proxy, forwarded: '203.0.113.7, ::ffff:10.0.0.2' },
    '203.0.113.7',
  ],
  ['it is no address', { trusted: both, from: proxy, forwarded: 'unknown' }, `::ffff:${proxy}`],
  ['it ends in nothing', { trusted: both, from: proxy, forwarded: '203.0.113.7, ' }, `::ffff:${proxy}`],
  [
    'there is none behind a proxy',
    { trusted: both, from: proxy, forwarded: '203.0.113.7, 300.1.1.1, 10.0.0.2' },
    '10.0.0.2',
  ],
])('is the right one where %s', async (_why, visit, address) => {
  expect(await addressSeen(visit)).toBe(address)
})
