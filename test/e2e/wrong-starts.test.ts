/** Starts that can't be: each ends by itself, soon, with a code, a sentence or two, no stack and no secret. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { isOfStack, launch } from '../support/launch.js'
import { findPostgresPrograms, type PostgresServer, startPostgresServer } from '../support/postgres-server.js'
import { temporaryDirectory } from '../support/process.js'
import type { Settings } from '../support/service.js'

const SECRET = 'do-not-tell-0123456789'

// Processes are started one after the other, on machines that do other things too.
vi.setConfig({ testTimeout: 120_000 })

let resources: Resources
let directory: string

beforeEach(() => {
  resources = createResources()
  directory = resources.use(temporaryDirectory()).path
})
afterEach(() => resources[Symbol.asyncDispose]())

interface Attempt {
  program?: string
  args?: string[]
  isPlainUser?: boolean
}

/** The last thing that a start said, checked for what none of them may do. */
async function complaintOf(
  settings: Settings,
  { program = 'main.js', args = [], ...more }: Attempt = {},
): Promise<string> {
  const options = { settings: { LOG_LEVEL: 'error', ...settings }, directory, args, ...more }
  const run = resources.use(launch(program, options))
  const code = await run.ended
  const text = run.output.join('\n')
  expect(text).not.toContain(SECRET)
  expect(run.output.filter(isOfStack)).toEqual([])
  expect([code, run.output.length]).toEqual([1, expect.toSatisfy((lines) => lines >= 1 && lines <= 6)])
  return text
}

describe.each(findPostgresPrograms())('on $name PostgreSQL', (programs) => {
  let server: PostgresServer
  let url: string
  let database: string
  let role: string
  let number = 0

  beforeAll(async () => {
    server = await startPostgresServer({ ...programs, settings: { fsync: 'off' } })
  }, 120_000)
  afterAll(() => server[Symbol.asyncDispose]())

  beforeEach(async () => {
    number += 1
    database = `database_${number}`
    role = `role_${number}`
    await server.query(`create role ${role} login password '${SECRET}'`)
    await server.query(
      `create database ${database} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'`,
    )
    await server.query(`alter database ${database} owner to ${role}`)
    url = server.urlOf(database, role, SECRET)
  })

  /** Waiting can't help here, so nobody waits, though there are 30 seconds. */
  const atOnce = async (databaseUrl: string, more: Settings = {}, attempt: Attempt = {}) => {
    const said = await complaintOf({ DATABASE_URL: databaseUrl, ...more }, attempt)
    expect(said).not.toContain('Waiting')
    return said
  }
  /** What may pass is waited for, and said in the log. */
  const afterWaiting = (databaseUrl: string) =>
    complaintOf({ DATABASE_URL: databaseUrl, DATABASE_WAIT_SECONDS: '0.1' })

  it('names the user whose password is wrong, or who is not known', async () => {
    await server.query(`alter role ${role} password 'another'`)
    expect(await atOnce(url)).toContain(`${server.address} refused the password of user "${role}"`)
    expect(await atOnce(server.urlOf(database, 'stranger', SECRET))).toContain('user "stranger"')
  })

  it('asks for a password where there is none', async () => {
    expect(await atOnce(`postgres://${role}@${server.address}/${database}`)).toMatch(/password must be/)
  })

  it('names the database that is not there, or that the user may not use', async () => {
    expect(await atOnce(server.urlOf('nowhere', role, SECRET))).toContain('no database "nowhere"')
    await server.query(
      `alter database ${database} owner to postgres; revoke connect on database ${database} from public`,
    )
    expect(await atOnce(url)).toMatch(/may not use the database "database_\d+": permission denied/)
  })

  it('says which right it lacks', async () => {
    await server.query(`alter database ${database} owner to postgres`)
    await server.query('revoke create on schema public from public', database)
    expect(await atOnce(url)).toMatch(/role_\d+" may not create .*grant .*create on/)
    expect(await atOnce(url, {}, { program: 'migrate.js' })).toMatch(
      /role_\d+" may not create .*grant .*create on/,
    )
  })

  it('names the migrations that production lacks', async () => {
    const said = await atOnce(url, { NODE_ENV: 'production', API_KEYS: 'a-key-of-some-length-0123456789' })
    expect(said).toMatch(/lacks \d+ migration\(s\): .*Run: npm run migrate/)
    const ofRetention = await atOnce(url, {}, { program: 'retention.js', args: ['--days', '1'] })
    expect(ofRetention).toContain('Run: npm run migrate')
  })

  it.each([
    ['role', () => `alter role ${role} connection limit 3`, /User "role_\d+" may have 3 connection/],
    [
      'database',
      () => `alter database ${database} connection limit 3`,
      /"database_\d+" may have 3 connection/,
    ],
  ])('counts the connections that a %s may have', async (_, statement, sentence) => {
    await server.query(statement())
    expect(await atOnce(url)).toMatch(sentence)
    expect(await atOnce(url)).toMatch(/needs 12 of them at least/)
    expect(await atOnce(url, { PROCESSES: '2' })).toMatch(/needs 24 of them at least/)
  })

  it('waits for connections that others have, and then says so', async () => {
    await server.query(`alter role ${role} connection limit 13`)
    for (const other of [new pg.Client(url), new pg.Client(url)]) {
      await other.connect()
      resources.use({ [Symbol.asyncDispose]: () => other.end() })
    }
    expect(await afterWaiting(url)).toMatch(
      /may have 13 connection\(s\), of which others use 2, and .* needs 12/,
    )
  })

  it('names an encoding that is not UTF8', async () => {
    const options = `encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'`
    await server.query(`create database latin_${number} ${options}`)
    expect(await atOnce(server.urlOf(`latin_${number}`))).toMatch(/encoding LATIN1, and .* needs UTF8/)
  })

  it('says that the database is read-only', async () => {
    await server.query(`alter database ${database} set default_transaction_read_only = on`)
    expect(await afterWaiting(url)).toMatch(/database_\d+" is read-only/)
  })

  it('says that the server does not run, and that it is a standby', async () => {
    await server.stop()
    try {
      expect(await afterWaiting(url)).toMatch(/takes no connections.*ECONNREFUSED/)
    } finally {
      await server.becomeStandby()
      await server.start()
    }
    expect(await afterWaiting(url)).toMatch(/is on a standby.*Name the primary/)
    await server.query('select pg_promote()')
  })

  it('goes on once the server has come', async () => {
    await server.stop()
    const run = resources.use(launch('main.js', { settings: { DATABASE_URL: url }, directory }))
    const says = (text: string) => () => run.output.some((line) => line.includes(text))
    await expect.poll(says('Waiting for PostgreSQL, '), { timeout: 20_000 }).toBe(true)
    await server.start()
    await expect.poll(says('"msg":"listening"'), { timeout: 60_000 }).toBe(true)
    run.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  })

  it('does with fewer connections than it would like, and says so', async () => {
    await server.query(`alter role ${role} connection limit 13`)
    const run = resources.use(launch('main.js', { settings: { DATABASE_URL: url }, directory }))
    const says = (text: string) => () => run.output.some((line) => line.includes(text))
    await expect.poll(says('"msg":"listening"'), { timeout: 60_000 }).toBe(true)
    expect(says('PostgreSQL allows 13 connections for each process')()).toBe(true)
    run.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  })
})

describe('on no PostgreSQL', () => {
  it.each([
    [
      'no such host',
      async () => 'no-such-host.invalid',
      /no-such-host\.invalid:5432 has an unknown host name/,
    ],
    ['no such port', async () => `127.0.0.1:${await findFreePort()}`, /takes no connections/],
  ])('says that there is %s, once it has waited', async (_, address, sentence) => {
    const settings = {
      DATABASE_URL: `postgres://user:${SECRET}@${await address()}/x`,
      DATABASE_WAIT_SECONDS: '1',
    }
    for (const program of ['main.js', 'migrate.js'])
      expect(await complaintOf(settings, { program })).toMatch(sentence)
  })

  it('says where a password is not encoded, without it', async () => {
    const said = await complaintOf({ DATABASE_URL: `postgres://user:%zz${SECRET}@127.0.0.1/x` })
    expect(said).toContain('DATABASE_URL must have each % in its user, password and database percent-encoded')
  })

  it('names the file that it can not read as a CA', async () => {
    const said = await complaintOf({
      DATABASE_URL: `postgres://user:${SECRET}@127.0.0.1/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`,
    })
    expect(said).toContain("/nowhere/ca.pem can't be used: it does not exist (ENOENT)")
  })
})

describe('an address that it can not listen on', () => {
  it.each([
    [
      'of another machine',
      { HOST: '192.0.2.1' },
      /192\.0\.2\.1.* is not an address of this machine \(EADDRNOTAVAIL\)/,
    ],
    [
      'without a meaning',
      { HOST: 'no-such-host.invalid' },
      /HOST=no-such-host\.invalid is not a name of this machine/,
    ],
    ['that is a path', { HOST: '/tmp/of-a-socket' }, /HOST=\/tmp\/of-a-socket is not a name of this machine/],
  ])('%s', async (_, settings, sentence) => {
    const { url } = resources.use(await createTestDatabase())
    expect(await complaintOf({ DATABASE_URL: url, ...settings })).toMatch(sentence)
  })
})

describe('files', () => {
  it('reads .env without the byte order mark that an editor put there', async () => {
    writeFileSync(join(directory, '.env'), '\ufeffROLE=boss\n')
    const said = await complaintOf({})
    expect(said).toContain('ROLE must be one of all, api, worker, not "boss"')
  })

  it.each([
    ['is a folder', (path: string) => mkdirSync(path), /\.env can't be read: EISDIR/],
    [
      'is in UTF-16',
      (path: string) => writeFileSync(path, Buffer.from('\ufeffPORT=1', 'utf16le')),
      /\.env can't be read: it is in UTF-16, so save it as UTF-8/,
    ],
  ])('says that .env %s', async (_, make, sentence) => {
    make(join(directory, '.env'))
    expect(await complaintOf({})).toMatch(sentence)
    expect(await complaintOf({}, { program: 'migrate.js' })).toMatch(sentence)
  })

  it('says that it may not read .env, and that it may not write .data', async () => {
    const path = join(directory, '.env')
    writeFileSync(path, '', { mode: 0 })
    expect(await complaintOf({}, { isPlainUser: true })).toMatch(/\.env can't be read: EACCES/)
    rmSync(path)
    mkdirSync(join(directory, '.data'))
    chmodSync(join(directory, '.data'), 0o555)
    expect(await complaintOf({}, { isPlainUser: true })).toMatch(/\.data\/postgres.*EACCES/)
  })

  it('names a file of keys that can not be read', async () => {
    expect(await complaintOf({ API_KEYS_FILE: '/nowhere/keys' })).toContain(
      'API_KEYS_FILE can not be read (ENOENT): /nowhere/keys',
    )
  })

  it('says what is in the place of .data', async () => {
    writeFileSync(join(directory, '.data'), '')
    expect(await complaintOf({})).toMatch(/\.data.*(ENOTDIR|EEXIST)/)
  })
})

it('refuses a key that no header can carry, without it', async () => {
  const said = await complaintOf({ API_KEYS: `ok-0123456789,schlüssel-${SECRET}` })
  expect(said).toContain('API_KEYS#2 has a character that no header can carry')
})
