/** The pool of sessions: which host it asks, and which of its connections it uses again. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSessionPool, type SessionPoolOptions } from '../../src/platform/postgres/pool.js'
import { createResources } from '../../src/platform/resources.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { startSilentServer } from '../support/silent-server.js'

const TIMEOUT_MS = 3000
const NO_SERVER = '127.0.0.1:1'
const READ_ONLY = 'set default_transaction_read_only = on'
const WRITE = 'update installation set id = id'
/** From this age on a connection is retired. */
const LEAST_AGE_MS = 1000

let resources = createResources()
let database: TestDatabase
beforeEach(async () => {
  database = resources.use(await createTestDatabase())
})
afterEach(async () => {
  await resources[Symbol.asyncDispose]()
  resources = createResources()
})

function openPool(options: Partial<SessionPoolOptions> = {}) {
  const defaults = { url: database.url, maxConnections: 2, timeoutMs: TIMEOUT_MS, onError: () => {} }
  const pool = createSessionPool({ ...defaults, ...options })
  resources.use({ [Symbol.asyncDispose]: () => pool.end() })
  return pool
}

/** The database's URL, with these hosts before its own. */
const behind = (...addresses: string[]): string => {
  const { host } = new URL(database.url)
  return database.url.replace(`@${host}`, `@${[...addresses, host].join()}`)
}

type Pool = ReturnType<typeof openPool>
const pidOf = async (asked: Pick<Pool, 'query'>): Promise<number> =>
  (await asked.query('select pg_backend_pid() as pid')).rows[0].pid

describe('of several hosts', () => {
  it('one that is silent leaves time for the next, in the first question already', async () => {
    const silent = resources.use(await startSilentServer())
    const pool = openPool({ url: behind(silent.address) })
    const startedAtMs = performance.now()
    await pool.query(WRITE)
    expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS)
    expect(silent.isVisited()).toBe(true)
  })

  it('one that refuses connections is passed over, by all who ask at once', async () => {
    const pool = openPool({ url: behind(NO_SERVER) })
    await Promise.all(Array.from({ length: 10 }, () => pool.query(WRITE)))
  })

  it('none may do: that is said in the time that a connection has', async () => {
    const silent = resources.use(await startSilentServer())
    const url = database.url.replace(new URL(database.url).host, `${silent.address},${NO_SERVER}`)
    const startedAtMs = performance.now()
    await expect(openPool({ url }).query(WRITE)).rejects.toThrow('The database is away.')
    expect(performance.now() - startedAtMs).toBeLessThan(2 * TIMEOUT_MS)
  })

  it('one that takes no writes does not do', async () => {
    const [row] = await database.query<{ name: string }>('select current_database() as name')
    await database.query(`alter database ${row?.name} set default_transaction_read_only = on`)
    await expect(openPool({ url: behind(NO_SERVER) }).query('select 1')).rejects.toMatchObject({
      cause: { message: 'The server takes no writes: it is a standby, or read-only.' },
    })
  })
})

describe('a connection', () => {
  it('goes with all others when one of them says that its server takes no writes, also within a transaction', async () => {
    const pool = openPool({ maxConnections: 3 })
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    const [asked, idle, listener] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]]
    const before = await Promise.all(clients.map(pidOf))
    await idle?.release()
    await listener?.query('listen nothing')
    const broke = once(listener as NonNullable<typeof listener>, 'error')
    await pause(LEAST_AGE_MS)
    await asked?.query(READ_ONLY)
    await asked?.query('begin')
    await expect(asked?.query(WRITE)).rejects.toMatchObject({ code: '25006' })
    asked?.release()
    await broke
    listener?.release()
    await pool.query(WRITE)
    const after = await Promise.all([pool.connect(), pool.connect(), pool.connect()])
    const pids = await Promise.all(after.map(pidOf))
    for (const client of after) client.release()
    expect(before.filter((pid) => pids.includes(pid))).toEqual([])
  })

  it('that is young stays, so that a server which stays read-only is not connected to for each statement', async () => {
    const pool = openPool({ maxConnections: 1 })
    const pid = await pidOf(pool)
    await pool.query(READ_ONLY)
    await expect(pool.query(WRITE)).rejects.toMatchObject({ code: '25006' })
    expect(await pidOf(pool)).toBe(pid)
  })

  it.each([
    ['that broke', 'select pg_terminate_backend(pg_backend_pid())', '57P01'],
    ['whose statement took too long', 'select pg_sleep(60)', undefined],
  ])('%s is not used again, though it was given back as if all were well', async (_, statement, code) => {
    const pool = openPool({ maxConnections: 1, timeoutMs: 500 })
    const client = await pool.connect()
    const pid = await pidOf(client as unknown as Pool)
    await expect(client.query(statement)).rejects.toSatisfy(
      (error: { code?: string }) => code === undefined || error.code === code,
    )
    client.release()
    expect(await pidOf(pool)).not.toBe(pid)
  })

  it('whose statement was refused is used again', async () => {
    const pool = openPool({ maxConnections: 1 })
    const pid = await pidOf(pool)
    await expect(pool.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
    expect(await pidOf(pool)).toBe(pid)
  })
})

it("Prisma's writes that meet a read-only server retire what the hot path has, and what is only held", async () => {
  const opened = resources.use(openDatabase(database))
  const ask = { name: 'pid', text: 'select pg_backend_pid() as pid' }
  const [before] = await opened.query<{ pid: number }>(ask, [])
  const held = await opened.connect()
  // It ends by an error, which `once` would take for its own.
  const ended = new Promise((resolve) => held.once('end', resolve))
  await opened.prisma.$executeRawUnsafe(READ_ONLY)
  await pause(LEAST_AGE_MS)
  await expect(opened.prisma.subscription.deleteMany()).rejects.toMatchObject({
    meta: { driverAdapterError: { cause: { originalCode: '25006' } } },
  })
  await ended
  const [after] = await opened.query<{ pid: number }>(ask, [])
  expect(after?.pid).not.toBe(before?.pid)
})

it("behind PgBouncer in transaction mode, Prisma's transaction has its settings and leaves nothing behind", async () => {
  const [row] = await database.query<{ name: string }>('select current_database() as name')
  await database.query(`alter database ${row?.name} set default_transaction_isolation = 'serializable'`)
  const bouncer = resources.use(await startPgBouncer(database.url, 'transaction'))
  const pool = openPool({ url: bouncer.urlOf(database.url), pooling: 'transaction', maxConnections: 1 })
  const look = `select current_setting('transaction_isolation') as isolation, current_setting('jit') as jit,
    current_setting('search_path') as path`
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED')
  const within = (await client.query({ name: 'look', text: look })).rows[0]
  await client.query('COMMIT')
  expect(within).toEqual({ isolation: 'read committed', jit: 'off', path: '"public"' })
  const outside = (await client.query(look)).rows[0]
  const statements = (await client.query('select name from pg_prepared_statements')).rows
  client.release()
  expect(outside).toMatchObject({ isolation: 'serializable', path: '"$user", public' })
  expect(statements).toEqual([])
})
