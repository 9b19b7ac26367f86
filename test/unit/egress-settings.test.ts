import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeProxies, readEgress } from '../../src/delivery-engine/egress/egress-settings.js'
import { parseNoProxy } from '../../src/delivery-engine/egress/no-proxy.js'
import { createResources } from '../../src/platform/resources.js'
import { createAuthority } from '../support/certificates.js'
import { problemsOf } from '../support/config.js'
import { temporaryDirectory } from '../support/process.js'

const resources = createResources()
afterAll(() => resources[Symbol.asyncDispose]())

describe('NO_PROXY', () => {
  it.each<[string, string, number, boolean]>([
    ['', 'example.com', 443, false],
    ['*', 'example.com', 443, true],
    ['a.test, *', 'example.com', 443, true],
    ['example.com', 'example.com', 443, true],
    ['example.com', 'EXAMPLE.com.', 443, true],
    ['Example.COM.', 'example.com', 443, true],
    ['example.com', 'hooks.example.com', 443, true],
    ['.example.com', 'hooks.example.com', 443, true],
    ['.example.com', 'example.com', 443, true],
    ['*.example.com', 'hooks.example.com', 443, true],
    ['example.com', 'notexample.com', 443, false],
    ['hooks.example.com', 'example.com', 443, false],
    ['a.test b.test,\tc.test', 'c.test', 443, true],
    ['example.com:8443', 'example.com', 8443, true],
    ['example.com:8443', 'example.com', 443, false],
    ['10.0.0.5', '10.0.0.5', 80, true],
    ['10.0.0.5', '10.0.0.50', 80, false],
    ['0.5', '10.0.0.5', 80, false],
    ['10.0.0.5:80', '10.0.0.5', 443, false],
    ['10.0.0.0/8', '10.1.2.3', 80, true],
    ['10.0.0.0/8', '11.1.2.3', 80, false],
    ['10.0.0.0/8', '::ffff:a01:203', 80, true],
    ['10.0.0.0/8', 'example.com', 80, false],
    ['fd00::1', 'fd00::1', 80, true],
    ['[fd00::1]', 'fd00:0::1', 80, true],
    ['[fd00::1]:8080', 'fd00::1', 8080, true],
    ['[fd00::1]:8080', 'fd00::1', 80, false],
    ['fd00::/8', 'fd12::1', 80, true],
    ['fd00::/8', '2001:db8::1', 80, false],
    ['localhost', 'localhost', 80, true],
  ])('%j: %s, port %i: %s', (text, hostname, port, expected) => {
    expect(parseNoProxy(text)(hostname, port)).toBe(expected)
  })

  it.each(['10.0.0.0/99', 'example.com/8', '*example', '::1]'])('names %s, which is no entry', (entry) => {
    expect(() => parseNoProxy(`example.com,${entry}`)).toThrow(entry)
  })
})

describe('which proxy', () => {
  const proxiesOf = (given: Record<string, string>) => {
    const { egress, problems } = readEgress(given)
    expect(problems).toEqual([])
    return describeProxies(egress)
  }
  const fromEnvironment = { EGRESS_PROXY_FROM_ENVIRONMENT: 'true' }

  it('is none, unless a setting of the service says so', () => {
    const given = { HTTP_PROXY: 'http://a:1', https_proxy: 'nonsense://' }
    expect(proxiesOf(given)).toEqual({})
    expect(readEgress(given).egress.ignored).toEqual(['HTTP_PROXY', 'https_proxy'])
  })

  it('is that of EGRESS_PROXY_URL for all, whatever else is set', () => {
    const given = { ...fromEnvironment, EGRESS_PROXY_URL: 'https://u:p@[::1]:8443', HTTP_PROXY: 'http://a:1' }
    expect(proxiesOf(given)).toEqual({ http: 'https://[::1]:8443', https: 'https://[::1]:8443' })
    expect(readEgress(given).egress.proxies['http:']).toMatchObject({
      hostname: '::1',
      authorization: `Basic ${btoa('u:p')}`,
    })
  })

  it('is the customary one where that is allowed, lower case first, each for its own scheme', () => {
    const upper = { HTTP_PROXY: 'http://upper:1', HTTPS_PROXY: 'upper:2' }
    expect(proxiesOf({ ...fromEnvironment, ...upper })).toEqual({
      http: 'http://upper:1',
      https: 'http://upper:2',
    })
    expect(proxiesOf({ ...fromEnvironment, ...upper, http_proxy: 'lower:3' })).toEqual({
      http: 'http://lower:3',
      https: 'http://upper:2',
    })
    expect(proxiesOf({ ...fromEnvironment, HTTPS_PROXY: 'only:2' })).toEqual({ https: 'http://only:2' })
  })

  it.each(['NO_PROXY', 'no_proxy'])('is passed by for what %s names', (name) => {
    const { egress } = readEgress({ EGRESS_PROXY_URL: 'http://proxy', [name]: 'inside.test' })
    expect(egress.noProxy('inside.test', 443)).toBe(true)
    expect(egress.noProxy('outside.test', 443)).toBe(false)
  })
})

describe('wrong settings', () => {
  it.each([
    'proxy:3128',
    'nonsense',
    'socks5://u:hunter2@proxy:1080',
    'http://u:hunter2@proxy:99999',
    'http://u:hunter2@proxy:3128/path',
    'http://u:hunter2%zz@proxy:3128',
  ])('EGRESS_PROXY_URL=%s is one sentence without the password', (EGRESS_PROXY_URL) => {
    const problems = problemsOf({ EGRESS_PROXY_URL })
    expect(problems).toEqual([expect.stringMatching(/^EGRESS_PROXY_URL must be a URL such as http:/)])
    expect(problems.join()).not.toContain('hunter2')
  })

  it('name the customary variable that is wrong', () => {
    const problems = problemsOf({
      EGRESS_PROXY_FROM_ENVIRONMENT: 'true',
      https_proxy: 'socks5://x',
      NO_PROXY: '1.2.3.4/99',
    })
    expect(problems).toEqual([
      expect.stringMatching(/^https_proxy must be/),
      'NO_PROXY "1.2.3.4/99" is not a CIDR range such as 10.0.0.0/8 or fd00::/8',
    ])
    // Nothing goes by a proxy, so nothing goes past it.
    expect(problemsOf({ https_proxy: 'socks5://x', NO_PROXY: '1.2.3.4/99' })).toEqual([])
    expect(problemsOf({ EGRESS_PROXY_URL: 'http://proxy', NO_PROXY: '1.2.3.4/99' })).toEqual([
      'NO_PROXY "1.2.3.4/99" is not a CIDR range such as 10.0.0.0/8 or fd00::/8',
    ])
    expect(problemsOf({ EGRESS_PROXY_RESOLVES_NAMES: 'yes' })).toEqual([
      'EGRESS_PROXY_RESOLVES_NAMES must be one of true, false, not "yes"',
    ])
  })

  it('name the file that is wrong, and what is wrong with it', () => {
    const { path } = resources.use(temporaryDirectory())
    const authority = createAuthority(path)
    const file = (name: string, text: string) => {
      writeFileSync(join(path, name), text)
      return join(path, name)
    }
    const [one, two] = [authority.issue('one'), authority.issue('two')]
    const [cert, key, otherKey] = [file('a', one.cert), file('b', one.key), file('c', two.key)]
    const empty = file('empty', 'no PEM here')
    const broken = file('broken', `${one.cert}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`)
    const client = (EGRESS_CLIENT_CERT_FILE: string, EGRESS_CLIENT_KEY_FILE: string) =>
      problemsOf({ EGRESS_CLIENT_CERT_FILE, EGRESS_CLIENT_KEY_FILE })

    expect(problemsOf({ EGRESS_CA_FILE: authority.path })).toEqual([])
    expect(problemsOf({ EGRESS_CA_FILE: `${path}/none` })).toEqual([
      `EGRESS_CA_FILE can not be read (ENOENT): ${path}/none`,
    ])
    expect(problemsOf({ EGRESS_CA_FILE: empty })).toEqual([
      `EGRESS_CA_FILE has no certificate in PEM (-----BEGIN CERTIFICATE-----): ${empty}`,
    ])
    expect(problemsOf({ EGRESS_CA_FILE: broken })).toEqual([
      `EGRESS_CA_FILE has a certificate that can not be read, number 2: ${broken}`,
    ])
    expect(client(cert, key)).toEqual([])
    expect(client(cert, '')).toEqual([
      'EGRESS_CLIENT_CERT_FILE and EGRESS_CLIENT_KEY_FILE must be set both or neither',
    ])
    expect(client(cert, otherKey)).toEqual([
      'EGRESS_CLIENT_CERT_FILE and EGRESS_CLIENT_KEY_FILE do not belong together: the key is that of another certificate',
    ])
    expect(client(cert, `${path}/none`)).toEqual([
      `EGRESS_CLIENT_CERT_FILE is of no use: EGRESS_CLIENT_KEY_FILE can not be read (ENOENT): ${path}/none`,
    ])
    expect(client(empty, key)).toEqual([
      expect.stringMatching(/^EGRESS_CLIENT_CERT_FILE and .* must be a certificate and its key in PEM/),
    ])
  })
})
