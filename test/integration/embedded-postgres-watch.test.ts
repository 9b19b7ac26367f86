/** What becomes of an embedded PostgreSQL whose processes die under a service that goes on. */
import { rename, rm } from 'node:fs/promises'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { endProcess } from '../support/child-process.js'
import { query, useEmbeddedFolder } from '../support/embedded-folder.js'

const folder = useEmbeddedFolder()
const PATIENCE = { timeout: 60_000 }

/** As the service has them: opened once, kept, and left to reconnect by themselves. */
let pool: pg.Pool
let server: EmbeddedPostgres

beforeEach(async () => {
  await folder.fill()
  server = await folder.start()
  pool = new pg.Pool({ connectionString: server.url, max: 2 }).on('error', () => {})
  await pool.query('create table kept as select 42 as answer')
})

afterEach(async () => {
  await pool.end()
})

const answer = () =>
  pool.query('select answer from kept').then(
    ({ rows }) => rows[0].answer,
    (error: Error) => error.message,
  )

async function killPostmaster(): Promise<number> {
  const pid = await folder.postmasterPid()
  process.kill(pid, 'SIGKILL')
  await expect.poll(folder.serverProcesses, PATIENCE).not.toContain(pid)
  return pid
}

const pidOf = async (backendType: string): Promise<number> => {
  const { rows } = await pool.query(
    'select pid from pg_stat_activity where backend_type = $1 and pid <> pg_backend_pid() limit 1',
    [backendType],
  )
  return rows[0].pid
}

describe('the embedded PostgreSQL', () => {
  it('is started again on the same port when its first process is killed', async () => {
    const pid = await killPostmaster()
    await expect.poll(answer, PATIENCE).toBe(42)
    expect(await folder.postmasterPid()).not.toBe(pid)
    await expect
      .poll(() => folder.lines, PATIENCE)
      .toEqual([
        'The embedded PostgreSQL died: it is started again at once',
        expect.stringMatching(/^The embedded PostgreSQL runs again, after \d+ ms$/),
      ])
  })

  it.each(['checkpointer', 'client backend'])('is the same server after the end of its %s', async (type) => {
    const postmaster = await folder.postmasterPid()
    const died = await pidOf(type)
    process.kill(died, 'SIGKILL')
    await expect.poll(folder.serverProcesses, PATIENCE).not.toContain(died)
    await expect.poll(answer, PATIENCE).toBe(42)
    expect(await folder.postmasterPid()).toBe(postmaster)
    // The server may take a connection once more before it closes them all: then it says so twice.
    await expect.poll(() => folder.lines.length, PATIENCE).toBeGreaterThan(0)
    for (const line of folder.lines)
      expect(line).toMatch(/closed its connections; it takes new ones after \d+ ms$/)
    await expect(folder.start()).rejects.toThrow(`(pid ${process.pid}); stop it first`)
    expect(await answer()).toBe(42)
  })

  it('is started ever more rarely when it keeps dying', async () => {
    const begins: string[] = []
    for (const pause of ['at once', 'in 1 s', 'in 2 s']) {
      begins.push(`The embedded PostgreSQL died: it is started again ${pause}`)
      await killPostmaster()
      const again = () => folder.lines.filter((line) => line.includes('runs again')).length
      await expect.poll(again, PATIENCE).toBe(begins.length)
    }
    expect(folder.lines.filter((line) => line.includes('died'))).toEqual(begins)
    expect(await answer()).toBe(42)
  })

  it('says why it can not be started, and is tried until it can', async () => {
    const control = folder.file('global', 'pg_control')
    await rename(control, `${control}.away`)
    await killPostmaster()
    const complaint = 'The embedded PostgreSQL could not be started again: it did not start: '
    await expect.poll(() => folder.lines, PATIENCE).toContainEqual(expect.stringContaining(complaint))
    await rename(`${control}.away`, control)
    await expect.poll(answer, PATIENCE).toBe(42)
  })

  it('is not left running by a stop while it is started again', async () => {
    await killPostmaster()
    await server.stop()
    expect(await folder.serverProcesses()).toEqual([])
  })

  it('is not started by a stop while its next start is still to come', async () => {
    await killPostmaster()
    await expect.poll(() => folder.lines.at(-1), PATIENCE).toContain('runs again')
    await killPostmaster()
    await expect.poll(() => folder.lines.at(-1), PATIENCE).toContain('in 1 s')
    await server.stop()
    expect(await folder.serverProcesses()).toEqual([])
    expect(folder.lines.at(-1)).toContain('in 1 s')
  })

  it('is left alone once its folder was deleted and another service began anew there', async () => {
    const orphan = await folder.postmasterPid()
    await rm(folder.dataDirectory, { recursive: true })
    const second = await folder.start()
    process.kill(orphan, 'SIGKILL')
    await expect.poll(() => folder.lines.at(-1), PATIENCE).toContain('was deleted or replaced')
    await server.stop()
    expect(await query(second.url, 'select 1 as alive')).toEqual([{ alive: 1 }])
  })
})

describe('an embedded PostgreSQL that was adopted', () => {
  it('is started again, too, when it is killed', async () => {
    await server.stop()
    const { child, url: adoptedUrl } = await folder.startInChild()
    await endProcess(child, 'SIGKILL')
    expect(await folder.start()).toMatchObject({ adopted: true, url: adoptedUrl })
    await killPostmaster()
    const answerOf = () => query(adoptedUrl, 'select answer from kept').catch((error: Error) => error.message)
    await expect.poll(answerOf, PATIENCE).toEqual([{ answer: 42 }])
  })
})

describe('the hold of a folder', () => {
  it('is not lost while the server is gone, however long that lasts', async () => {
    await server.stop()
    const { child } = await folder.startInChild()
    // It can't start its server again: this is the gap in which another could take what it has.
    child.kill('SIGSTOP')
    await killPostmaster()
    await expect(folder.start()).rejects.toThrow(`(pid ${child.pid}); stop it first`)
    expect(await folder.serverProcesses()).toEqual([])
    child.kill('SIGCONT')
    await expect.poll(async () => (await folder.serverProcesses()).length, PATIENCE).toBeGreaterThan(0)
  })

  it('ends with its process, however that ends', async () => {
    await server.stop()
    for (const signal of ['SIGKILL', 'SIGABRT', 'SIGTERM'] as const) {
      const { child } = await folder.startInChild()
      await endProcess(child, signal)
    }
    expect(await folder.start()).toMatchObject({ adopted: true })
  })
})
