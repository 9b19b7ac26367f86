/** What `API_KEYS` and the file behind `API_KEYS_FILE` may say, and what is told of what they may not. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFailureLimit } from '../../src/api-keys/failure-limit.js'
import { loadConfig, loadMaintenanceConfig } from '../../src/config.js'
import { problemsOf } from '../support/config.js'

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex')

function keysOf(settings: Record<string, string>) {
  const { keys } = loadConfig(settings).apiKeys
  return keys.map(({ name, scopes, hash }) => [name, [...scopes].join(), hash.toString('hex')])
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-event-service-keys-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

function file(...lines: string[]): string {
  const path = join(directory, `${lines.length}-${sha256(lines.join())}`)
  writeFileSync(path, lines.join('\n'))
  return path
}

const all = 'publish,read,consume,manage'

describe('API_KEYS', () => {
  it('takes plain keys, which may do everything', () => {
    expect(keysOf({ API_KEYS: 'one, two,' })).toEqual([
      [undefined, all, sha256('one')],
      [undefined, all, sha256('two')],
    ])
  })

  it.each(['c2VjcmV0=', 'c2VjcmV0==', 'ab+cd=', 'shop=read==', 'a=b', '=read=x', 'a b=read=x'])(
    'takes %s for a plain key',
    (key) => expect(keysOf({ API_KEYS: key })).toEqual([[undefined, all, sha256(key)]]),
  )

  it('takes keys with a name and scopes, and hashes in place of keys', () => {
    const API_KEYS = `shop=publish=c2VjcmV0==,board=read+manage=sha256:${sha256('two').toUpperCase()},sha256:${sha256('three')}`
    expect(keysOf({ API_KEYS })).toEqual([
      ['shop', 'publish', sha256('c2VjcmV0==')],
      ['board', 'read,manage', sha256('two')],
      [undefined, all, sha256('three')],
    ])
  })

  it('takes keys that are bound to a tenant', () => {
    const API_KEYS = 'console=read+manage@acme.eu-1:a=key,plain'
    const { keys } = loadConfig({ API_KEYS }).apiKeys
    expect(keys.map(({ name, scopes, tenant, hash }) => [name, [...scopes].join(), tenant, hash])).toEqual([
      ['console', 'read,manage', 'acme.eu-1:a', Buffer.from(sha256('key'), 'hex')],
      [undefined, all, null, Buffer.from(sha256('plain'), 'hex')],
    ])
  })

  it.each(['', 'a b', 'a/b', 'x'.repeat(129)])(
    'refuses the tenant %j, and takes it for no plain key',
    (tenant) => {
      expect(problemsOf({ API_KEYS: `console=read@${tenant}=key` })).toEqual([
        expect.stringContaining("names a tenant that can't be"),
      ])
    },
  )

  it('is held as hashes only', () => {
    const config = loadConfig({ API_KEYS: 'shop=publish=very-secret,plain-secret' })
    expect(JSON.stringify(config)).not.toMatch(/very-secret|plain-secret/)
  })

  it('tells everything that is wrong at once, and no part of a key', () => {
    const problems = problemsOf({
      API_KEYS: [
        'shop=publish=secret-1',
        'board=reed=secret-2',
        'board=read+wriet=secret-3',
        'shop=read=secret-4',
        'other=read=secret-1',
        'empty=read+manage=',
        'short=read=sha256:abcdef',
        'sha256:secret',
      ].join(),
      PORT: 'x',
    })
    const scopes = expect.stringContaining(
      'names a scope that there is not: there are publish, read, consume and manage',
    )
    expect(problems).toEqual([
      'PORT must be a whole number from 0 to 65535, not "x"',
      scopes,
      scopes,
      'API_KEYS#6 has a name and scopes, and no key',
      'API_KEYS#7 must have 64 hexadecimal digits after sha256:',
      'API_KEYS#8 must have 64 hexadecimal digits after sha256:',
      'API_KEYS#4 has the same name as API_KEYS#1',
      'API_KEYS#5 has the same key as API_KEYS#1',
    ])
    expect(problems.join()).not.toMatch(/secret|abcdef|reed|wriet/)
  })
})

describe('API_KEYS_FILE', () => {
  it('has an entry a line, and adds to API_KEYS', () => {
    const API_KEYS_FILE = file(
      '# producers',
      '',
      '  shop=publish=one-of-enough-length\r',
      'two-of-enough-length',
    )
    const config = loadConfig({ API_KEYS: 'three', API_KEYS_FILE })
    expect(config.apiKeys).toMatchObject({ keys: [{ place: 'API_KEYS#1' }], file: API_KEYS_FILE })
    expect(problemsOf({ NODE_ENV: 'production', DATABASE_URL: 'postgres://db/x', API_KEYS_FILE })).toEqual([])
  })

  it('has no short key in production, where a hash tells nothing of its length', () => {
    const API_KEYS_FILE = file('shop=publish=short', `ops=read=sha256:${'0'.repeat(64)}`, '0123456789abcdef')
    const problems = problemsOf({ NODE_ENV: 'production', DATABASE_URL: 'postgres://db/x', API_KEYS_FILE })
    expect(problems).toEqual([
      expect.stringMatching(/^API_KEYS_FILE#1 has a key of 5 characters: .* at least 16/),
    ])
  })

  it('leaves no default key', () => {
    expect(loadConfig({ API_KEYS_FILE: file('one') }).apiKeys.keys).toEqual([])
  })

  it('is checked at the start, together with the other keys', () => {
    const API_KEYS_FILE = file('# of the shop', 'shop=publsh=one', 'two')
    expect(problemsOf({ API_KEYS: 'two', API_KEYS_FILE })).toEqual([
      expect.stringMatching(/^API_KEYS_FILE#2 names a scope that there is not/),
      'API_KEYS_FILE#3 has the same key as API_KEYS#1',
    ])
    expect(problemsOf({ API_KEYS_FILE: file('# nobody yet') })).toEqual([
      'API_KEYS_FILE must name at least one key',
    ])
    expect(problemsOf({ API_KEYS_FILE: join(directory, 'absent') })).toEqual([
      `API_KEYS_FILE can not be read (ENOENT): ${join(directory, 'absent')}`,
    ])
  })

  it('is not asked for by a migration', () => {
    expect(() => loadMaintenanceConfig({ API_KEYS_FILE: join(directory, 'absent') })).not.toThrow()
  })
})

describe('the limit of wrong keys', () => {
  it('counts for each address, and begins anew after a minute', () => {
    let nowMs = 0
    const limit = createFailureLimit({ limit: 3, now: () => nowMs })
    const four = (address: string) => [1, 2, 3, 4].map(() => limit.count(address))
    expect(four('192.0.2.1')).toEqual([undefined, undefined, undefined, 60])
    expect(four('::ffff:192.0.2.2').at(-1)).toBe(60)
    nowMs = 30_500
    expect([limit.count('192.0.2.1'), limit.count('192.0.2.2'), limit.count('192.0.2.3')]).toEqual([
      30,
      30,
      undefined,
    ])
    nowMs = 60_000
    expect(limit.count('192.0.2.1')).toBe(undefined)
  })

  it('takes a /64 of IPv6 for one address', () => {
    const limit = createFailureLimit({ limit: 1 })
    limit.count('2001:db8:0:1::1')
    expect(limit.count('2001:db8:0:1:ffff::2')).toBe(60)
    expect(limit.count('2001:db8:0:2::1')).toBe(undefined)
  })

  it('remembers so many addresses and no more, the newest of them', () => {
    const limit = createFailureLimit({ limit: 1, maxAddresses: 100 })
    for (let n = 0; n < 1000; n += 1) limit.count(`10.0.${n >> 8}.${n & 255}`)
    expect(limit.count('10.0.3.231')).toBe(60)
    expect(limit.count('10.0.3.132')).toBe(60)
    expect(limit.count('10.0.3.131')).toBe(undefined)
  })
})
