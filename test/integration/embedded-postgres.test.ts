import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'

let folder: string
let dataDirectory: string
let servers: EmbeddedPostgres[]
let children: ChildProcess[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'node-event-service-embedded-'))
  // Root's PostgreSQL runs as another user, who has to get in.
  await chmod(folder, 0o755)
  dataDirectory = join(folder, 'data', 'postgres')
  servers = []
  children = []
})

afterEach(async () => {
  for (const child of children) await kill(child)
  // Whatever a killed process or a failed test left running is adopted, to be stopped.
  if (await readPostmasterPid().catch(() => undefined)) await start().catch(() => {})
  for (const server of servers) await server.stop()
  await rm(folder, { recursive: true, force: true })
})

async function start(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDirectory, settings })
  servers.push(server)
  return server
}

async function startInChild(): Promise<{ child: ChildProcess; url: string; adopted: boolean }> {
  const script = fileURLToPath(new URL('../support/embedded-postgres-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDirectory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(createInterface(child.stdout), 'line')
  return { child, ...JSON.parse(line) }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const postmasterPidFile = () => join(dataDirectory, 'cluster', 'postmaster.pid')
const readPostmasterPid = async () => Number.parseInt(await readFile(postmasterPidFile(), 'utf8'), 10)

test('what is written is there after a stop and another start', async () => {
  const first = await start()
  expect(first).toMatchObject({ adopted: false, dataDirectory })
  await query(first.url, 'create table kept as select 42 as answer')
  await first.stop()
  await expect(query(first.url, 'select 1')).rejects.toThrow()

  const second = await start()
  expect(second.adopted).toBe(false)
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
})

test('commits are durable, and every connection has to know the password', async () => {
  const { url } = await start()
  const rows = await query(
    url,
    `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit')`,
  )
  expect(rows.map(({ setting }) => setting)).toEqual(['on', 'on'])

  const wrong = Object.assign(new URL(url), { password: 'guess' })
  await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  const { mode } = await stat(join(dataDirectory, 'password'))
  expect(mode & 0o777).toBe(0o600)
})

test('settings go over our defaults, whatever characters they hold', async () => {
  const { url } = await start({ work_mem: '5MB', application_name: `it's "quoted" $HOME` })
  expect(
    await query(
      url,
      `select current_setting('work_mem') as memory, current_setting('application_name') as name`,
    ),
  ).toEqual([{ memory: '5MB', name: `it's "quoted" $HOME` }])
})

test('a server that outlived its process is adopted, with what was committed', async () => {
  const { child, url, adopted } = await startInChild()
  expect(adopted).toBe(false)
  await query(url, 'create table kept as select 42 as answer')
  await kill(child)
  expect(await query(url, 'select answer from kept')).toEqual([{ answer: 42 }])

  const server = await start()
  expect(server).toMatchObject({ adopted: true, url })
  await server.stop()
  await expect(query(url, 'select 1')).rejects.toThrow()
})

test('a second service on the same data is told whose it is, and disturbs nothing', async () => {
  const { child, url } = await startInChild()
  await expect(start()).rejects.toThrow(
    `another Node Event Service runs on ${dataDirectory} (pid ${child.pid}); stop it first`,
  )
  expect(await query(url, 'select 1 as alive')).toEqual([{ alive: 1 }])
})

test('after everything was killed, the next start recovers what was committed', async () => {
  const { child, url } = await startInChild()
  await query(url, 'create table kept as select 42 as answer')
  const postmasterPid = await readPostmasterPid()
  await kill(child)
  process.kill(postmasterPid, 'SIGKILL')

  const server = await start()
  expect(server.adopted).toBe(false)
  expect(await query(server.url, 'select answer from kept')).toEqual([{ answer: 42 }])
})

test('a pid that has since gone to another process does not keep the server from starting', async () => {
  const first = await start()
  await first.stop()
  const owner = await stat(join(dataDirectory, 'cluster'))
  // PostgreSQL itself minds only processes of its own user.
  const child = spawn('sleep', ['60'], process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {})
  children.push(child)
  await once(child, 'spawn')
  await writeFile(
    postmasterPidFile(),
    [child.pid, join(dataDirectory, 'cluster'), 1, 5432, '', ''].join('\n'),
  )

  expect(await start()).toMatchObject({ adopted: false })
})

test('what a killed initialization left behind is cleared away', async () => {
  const child = spawn('true')
  await once(child, 'exit')
  const abandoned = join(dataDirectory, `cluster.draft-${child.pid}-0badcafe`)
  await mkdir(join(abandoned, 'base'), { recursive: true })

  await start()
  expect((await readdir(dataDirectory)).toSorted()).toEqual(['cluster', 'password', 'server.log'])
})

test('of two first starts at once, one has the server and the other is told so', async () => {
  const results = await Promise.allSettled([start(), start()])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const refused = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  expect(refused.reason.message).toContain('another Node Event Service runs')
})

test('stop may be called again, and when the server is gone already', async () => {
  const server = await start()
  process.kill(await readPostmasterPid(), 'SIGKILL')
  await expect
    .poll(() =>
      query(server.url, 'select 1').then(
        () => 'up',
        () => 'gone',
      ),
    )
    .toBe('gone')
  await server.stop()
  await server.stop()
})
