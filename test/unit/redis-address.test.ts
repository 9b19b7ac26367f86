import { describe, expect, it } from 'vitest'
import { parseRedisUrl } from '../../src/platform/redis/address.js'

const plain = { username: undefined, password: undefined, isEncrypted: false, db: 0 }
const server = { kind: 'server', ...plain, port: 6379, family: 0 }

describe('parseRedisUrl', () => {
  it.each([
    ['redis://localhost', { ...server, host: 'localhost' }],
    ['rediss://h:6380/2', { ...server, host: 'h', port: 6380, db: 2, isEncrypted: true }],
    ['redis://:p%40ss%2F@h?db=4&family=6', { ...server, host: 'h', password: 'p@ss/', db: 4, family: 6 }],
    ['redis://u:p:q@[::1]:7000', { ...server, username: 'u', password: 'p:q', host: '::1', port: 7000 }],
    ['redis+unix:///run/redis.sock?db=1', { kind: 'socket', ...plain, path: '/run/redis.sock', db: 1 }],
    ['unix://u:p@/tmp/a%20b', { kind: 'socket', ...plain, username: 'u', password: 'p', path: '/tmp/a b' }],
    [
      'redis://a:1,[fd00::1]:2,c/0',
      {
        kind: 'cluster',
        ...plain,
        nodes: [
          { host: 'a', port: 1 },
          { host: 'fd00::1', port: 2 },
          { host: 'c', port: 6379 },
        ],
      },
    ],
    [
      'rediss+sentinel://u:p@a,b:2/my%20master/3?sentinelPassword=s',
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 2 },
        ],
        ...{ username: 'u', password: 'p', isEncrypted: true, db: 3, masterName: 'my master' },
        ...{ sentinelUsername: undefined, sentinelPassword: 's' },
      },
    ],
  ])('reads %s', (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address)
  })

  it.each([
    ['http://h', /begins with one of redis:\/\//],
    ['localhost:6379', /begins with one of/],
    ['redis://', /host:port/],
    ['redis://h:0', /host:port/],
    ['redis://h:99999', /host:port/],
    ['redis://se/cret@h', /percent-encoded/],
    ['redis://:se@cret@h', /percent-encoded/],
    ['redis://:%zz@h', /%25/],
    ['redis://secret@h', /password beside the user/],
    ['redis://h/queue', /by its number/],
    ['redis://a,b/1', /names? no database/],
    ['redis://h?ssl_cert_reqs=none', /"ssl_cert_reqs", which is unknown/],
    ['redis+sentinel://a,b', /that the Sentinels watch/],
    ['redis+unix://run/redis.sock', /whole path/],
  ])('refuses %s, without its password', (url, problem) => {
    expect(() => parseRedisUrl(url)).toThrow(problem)
    expect(() => parseRedisUrl(url)).not.toThrow(/se.?cret/)
  })
})
