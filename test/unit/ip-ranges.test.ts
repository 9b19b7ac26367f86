import { expect, test } from 'vitest'
import { parseAddress, parseCidr, whyNotPublic } from '../../src/platform/ip-ranges.js'

const publicAddresses = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2606:4700:4700::1111',
  '2a00:1450:4001:800::200e',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
]

const nonPublicAddresses = [
  // Both ends of each IPv4 range.
  ['0.0.0.0', 'this network'],
  ['0.255.255.255', 'this network'],
  ['10.0.0.0', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.0', 'shared by carriers'],
  ['100.127.255.255', 'shared by carriers'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.255', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['172.16.0.0', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.255', 'protocol assignments'],
  ['192.0.2.1', 'documentation'],
  ['192.88.99.1', '6to4 relays'],
  ['192.168.0.0', 'private'],
  ['192.168.255.255', 'private'],
  ['198.18.0.0', 'benchmarking'],
  ['198.19.255.255', 'benchmarking'],
  ['198.51.100.7', 'documentation'],
  ['203.0.113.7', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  // IPv6.
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['100::1', 'discard-only'],
  ['2001::1', 'protocol assignments'],
  ['2001:2::1', 'protocol assignments'],
  ['2001:10::1', 'protocol assignments'],
  ['2001:2f:ffff::1', 'protocol assignments'],
  ['2001:db8::1', 'documentation'],
  ['3fff:fff::1', 'documentation'],
  ['5f00::1', 'segment routing'],
  ['fc00::1', 'private'],
  ['fdff::1', 'private'],
  ['fe80::1', 'link-local'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['1fff::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['e000::1', 'reserved'],
  // IPv4 inside IPv6.
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::FFFF:10.0.0.1', 'private'],
  ['::127.0.0.1', 'IPv4-compatible'],
  ['::8.8.8.8', 'IPv4-compatible'],
  ['::808:808', 'IPv4-compatible'],
  ['::ffff:0:8.8.8.8', 'reserved'],
  ['64:ff9b::169.254.169.254', 'link-local'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['64:ff9b:1::8.8.8.8', 'local NAT64'],
  ['2002:7f00:1::', 'loopback'],
  ['2002:a00:1:2:3:4:5:6', 'private'],
  ['2002:c0a8:101::1', 'private'],
] as const

test.each(publicAddresses)('%s is public', (literal) => {
  expect(whyNotPublic(address(literal))).toBeUndefined()
})

test.each(nonPublicAddresses)('%s is not public: %s', (literal, reason) => {
  expect(whyNotPublic(address(literal))).toMatch(new RegExp(`^${reason}, `))
})

test.each([
  '',
  'example.com',
  '127.1',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '2130706433',
  'fe80::1%eth0',
  '[::1]',
  '1.1.1.1.',
])('%j is not read as an address', (text) => expect(parseAddress(text)).toBeUndefined())

test.each(['10.0.0.0/8', '10.1.2.3/8', '0.0.0.0/0', '1.2.3.4/32', 'fd00::/8', '::/0', '::1/128', 'FD00::/8'])(
  '%s is a range',
  (text) => expect(() => parseCidr(text)).not.toThrow(),
)

test.each([
  '',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/8.5',
  '10.0.0.0/8/8',
  '10/8',
  '010.0.0.0/8',
  '::/129',
  'fe80::%eth0/10',
  'example.com/8',
  ' 10.0.0.0/8',
])('%j is not a range', (text) => {
  expect(() => parseCidr(text)).toThrow(`${JSON.stringify(text)} is not a CIDR range`)
})

function address(literal: string) {
  const parsed = parseAddress(literal)
  if (parsed === undefined) throw new Error(`${literal} is no address`)
  return parsed
}
