import { describe, expect, it } from 'vitest'
import { hashKey } from '../../src/api-keys/api-key.js'
import { loadConfig } from '../../src/config.js'
import { problemsOf } from '../support/config.js'

describe('loadConfig', () => {
  it('needs nothing in development', () => {
    expect(loadConfig({})).toMatchObject({
      environment: 'development',
      host: '127.0.0.1',
      port: 3000,
      role: 'all',
      apiKeys: { keys: [{ name: undefined, hash: hashKey('dev-key-1') }], file: undefined },
      databaseUrl: undefined,
      redis: undefined,
      delivery: {
        maxAttempts: 10,
        backoffBaseSeconds: 5,
        backoffMaxSeconds: 3600,
        timeoutMs: 15_000,
        allowedCidrs: ['127.0.0.0/8', '::1/128'],
      },
      outbox: { batchSize: 500, intervalMs: 2000 },
      eventMaxBytes: 262_144,
      retentionDays: undefined,
      payloadRetentionDays: undefined,
      logLevel: 'info',
    })
  })

  it('takes an empty variable for an absent one', () => {
    expect(loadConfig({ REDIS_URL: '', PORT: '' })).toMatchObject({ redis: undefined, port: 3000 })
  })

  it('keeps finished events for a part of a day, but not for none, which could mean for ever', () => {
    expect(loadConfig({ RETENTION_DAYS: '0.5' }).retentionDays).toBe(0.5)
    expect(problemsOf({ RETENTION_DAYS: '0' })).toEqual([
      'RETENTION_DAYS must be a number from 0.001 to 36500, not "0"',
    ])
  })

  it('takes ranges for targets that are not public', () => {
    const config = loadConfig({ DELIVERY_ALLOWED_CIDRS: '10.0.0.0/8, fd00::/8,' })
    expect(config.delivery.allowedCidrs).toEqual(['10.0.0.0/8', 'fd00::/8'])
  })

  it('defaults neither keys, nor database, nor open ranges in production', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'API_KEYS or API_KEYS_FILE must be set in production',
      'DATABASE_URL must be set in production',
    ])
    const config = loadConfig({
      NODE_ENV: 'production',
      API_KEYS: 'a-key-of-enough-length',
      DATABASE_URL: 'postgres://db/x',
    })
    expect(config.delivery.allowedCidrs).toEqual([])
  })

  it.each(['api', 'worker'])('lets ROLE=%s run on Redis only', (role) => {
    expect(problemsOf({ ROLE: role })).toEqual([
      `ROLE=${role} needs REDIS_URL: without Redis only ROLE=all can run`,
    ])
    expect(problemsOf({ ROLE: role, REDIS_URL: 'redis://localhost' })).toEqual([])
  })

  it('takes ranges of proxies, and none that says more than it seems to', () => {
    const { trustedProxies } = loadConfig({ TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8,::ffff:192.0.2.0/120' })
    expect(trustedProxies.map(([address, bits]) => `${address}/${bits}`)).toEqual([
      ...['10.0.0.0/8', 'fd00::/8', '192.0.2.0/24'],
    ])
    expect(loadConfig({}).trustedProxies).toEqual([])
    expect(problemsOf({ TRUSTED_PROXIES: 'proxy.example,10.0.0.7/8,fd00::7/8,10.0.0.7' })).toEqual([
      'TRUSTED_PROXIES "proxy.example" is not a CIDR range such as 10.0.0.0/8 or fd00::/8',
      'TRUSTED_PROXIES "10.0.0.7/8" is an address within a range: write 10.0.0.0/8 for the range, or 10.0.0.7/32 for the address',
      'TRUSTED_PROXIES "fd00::7/8" is an address within a range: write fd00::/8 for the range, or fd00::7/128 for the address',
      'TRUSTED_PROXIES "10.0.0.7" is not a CIDR range such as 10.0.0.0/8 or fd00::/8',
    ])
  })

  it('tells everything that is wrong at once', () => {
    const problems = problemsOf({
      PORT: 'abc',
      ROLE: 'boss',
      API_KEYS: ' , ',
      DATABASE_URL: 'mysql://x',
      REDIS_URL: 'nonsense',
      DELIVERY_MAX_ATTEMPTS: '0',
      DELIVERY_BACKOFF_BASE_SECONDS: '-1',
      DELIVERY_TIMEOUT_MS: '1.5',
      DELIVERY_ALLOWED_CIDRS: '10.0.0.0/8,300.0.0.0/8',
      LOG_LEVEL: 'loud',
    })
    const names = problems.map((problem) => problem.split(' ')[0])
    expect(new Set(names).size).toBe(10)
    expect(problems).toContain('PORT must be a whole number from 0 to 65535, not "abc"')
    expect(problems).toContain('ROLE must be one of all, api, worker, not "boss"')
  })

  it('takes keys to encrypt secrets with, and does not repeat one that is wrong', () => {
    const [one, two] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 2).toString('base64')]
    const { secretEncryptionKeys } = loadConfig({ SECRET_ENCRYPTION_KEY: `${one},${two}` })
    expect(secretEncryptionKeys.map((key) => key.export().toString('base64'))).toEqual([one, two])
    expect(loadConfig({}).secretEncryptionKeys).toEqual([])
    expect(problemsOf({ SECRET_ENCRYPTION_KEY: `${one},hunter2` })).toEqual([
      'SECRET_ENCRYPTION_KEY must be 32 bytes in base64, as `openssl rand -base64 32` prints them: key 2 is not',
    ])
  })
})
