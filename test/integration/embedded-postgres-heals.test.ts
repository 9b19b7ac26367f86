/**
 * The folder of an embedded PostgreSQL as crashes, full disks and people leave it: the next start mends it, or says why
 * not.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/platform/embedded-postgres/run.js'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { endProcess } from '../support/child-process.js'
import { copyCluster } from '../support/cluster-template.js'
import { embeddedPostgresProcess, query, useEmbeddedFolder } from '../support/embedded-folder.js'

const folder = useEmbeddedFolder()

let template: string | undefined

/** A folder with something in it, whose processes are all gone. It is made once, and then copied. */
async function crashedFolder(): Promise<void> {
  if (template === undefined) {
    await folder.fill()
    const { child, url } = await folder.startInChild()
    await query(url, 'create table kept as select 42 as answer')
    await folder.crash(child)
    template = await mkdtemp(join(tmpdir(), 'node-event-service-crashed-'))
    await run('/bin/cp', ['-a', folder.dataDirectory, template], undefined)
  } else {
    await mkdir(dirname(folder.dataDirectory))
    await run(
      '/bin/cp',
      ['-a', join(template, basename(folder.dataDirectory)), folder.dataDirectory],
      undefined,
    )
  }
}

afterAll(async () => {
  if (template !== undefined) await rm(template, { recursive: true, force: true })
})

async function expectToStartWithItsData(): Promise<void> {
  const server = await folder.start()
  expect(server.adopted).toBe(false)
  expect(await query(server.url, 'select answer from kept')).toEqual([{ answer: 42 }])
}

/** PostgreSQL itself minds only processes of its own user. */
async function sameUsersProcess(command: string, args: string[], cwd = '/'): Promise<ChildProcess> {
  const { uid, gid } = await stat(folder.file())
  const child = folder.use(spawn(command, args, process.getuid?.() === 0 ? { uid, gid, cwd } : { cwd }))
  await once(child, 'spawn')
  return child
}

describe('a postmaster.pid of a server that is gone', () => {
  const damaged: Record<string, (text: string) => string> = {
    empty: () => '',
    'cut short in its first line': (text) => text.slice(0, 2),
    'cut short after its first line': (text) => `${text.split('\n')[0]}\n`,
    'full of zeros': (text) => '\0'.repeat(text.length),
    'of another folder': (text) => text.replace(/^\/.*$/m, '/somewhere/else'),
    'of process 1': (text) => text.replace(/^\d+/, '1'),
  }
  it.each(Object.entries(damaged))('heals when it is %s', async (_, damage) => {
    await crashedFolder()
    const file = folder.file('postmaster.pid')
    await writeFile(file, damage(await readFile(file, 'utf8')))
    await expectToStartWithItsData()
  })

  it('heals when its number went to another process, even one that works in the folder', async () => {
    await crashedFolder()
    const { pid } = await sameUsersProcess('sleep', ['60'], folder.file())
    const file = folder.file('postmaster.pid')
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^\d+/, String(pid)))
    await expectToStartWithItsData()
  })

  it("heals when its number went to another cluster's server, which goes on", async () => {
    await crashedFolder()
    const dataDirectory = join(folder.dataDirectory, '..', 'other')
    await copyCluster(dataDirectory)
    const other = await startEmbeddedPostgres({ dataDirectory })
    try {
      const otherFile = join(other.dataDirectory, 'cluster', 'postmaster.pid')
      const pid = Number.parseInt(await readFile(otherFile, 'utf8'), 10)
      const file = folder.file('postmaster.pid')
      await writeFile(file, (await readFile(file, 'utf8')).replace(/^\d+/, String(pid)))
      await expectToStartWithItsData()
      expect(await query(other.url, 'select 1 as alive')).toEqual([{ alive: 1 }])
    } finally {
      await other.stop()
    }
  })

  it('heals when a process of the server outlived the first one, and keeps its memory', async () => {
    await folder.fill()
    const { child, url } = await folder.startInChild()
    await query(url, 'create table kept as select 42 as answer')
    const busy = query(url, 'select count(*) from generate_series(1, 1e12)').catch(() => {})
    const isBusy = `select pid from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()`
    await expect.poll(() => query(url, isBusy), { timeout: 20_000 }).toHaveLength(1)
    const [{ pid } = {}] = await query(url, isBusy)
    await endProcess(child, 'SIGKILL')
    process.kill(await folder.postmasterPid(), 'SIGKILL')
    await expectToStartWithItsData()
    expect(await folder.serverProcesses()).not.toContain(pid)
    await busy
  })
})

describe('the password', () => {
  it.each(['', 'cut short', '0'.repeat(48), undefined])(
    'is set anew when its file holds %j',
    async (text) => {
      await crashedFolder()
      const file = join(folder.dataDirectory, 'password')
      await rm(file)
      if (text !== undefined) await writeFile(file, text)
      await expectToStartWithItsData()
      expect((await readFile(file, 'utf8')).length).toBe(48)
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      expect(folder.lines).toEqual([expect.stringContaining('was lost or did not fit')])
    },
  )

  it('is set anew when its file was lost beside a server that runs', async () => {
    await folder.fill()
    const { child, url } = await folder.startInChild()
    await query(url, 'create table kept as select 42 as answer')
    await endProcess(child, 'SIGKILL')
    await rm(join(folder.dataDirectory, 'password'))
    await expectToStartWithItsData()
  })

  it('is made anew when it was cut short before there was any data', async () => {
    await mkdir(folder.dataDirectory, { recursive: true })
    await writeFile(join(folder.dataDirectory, 'password'), '')
    await writeFile(join(folder.dataDirectory, 'password.draft'), 'half')
    await folder.start()
  })
})

describe('the cluster', () => {
  it('is made anew beside one that was left half-made, whoever has the number of its process now', async () => {
    const abandoned = join(folder.dataDirectory, `cluster.draft-${process.pid}-0badcafe`)
    await mkdir(join(abandoned, 'base'), { recursive: true })
    await folder.start()
    expect((await readdir(folder.dataDirectory)).toSorted()).toEqual([
      'cluster',
      'lock',
      'password',
      'server.log',
    ])
  })

  it('is made in an empty folder that stands in its place', async () => {
    await mkdir(folder.file(), { recursive: true })
    await folder.start()
  })

  it('is not made over what is no cluster', async () => {
    await mkdir(folder.file('base'), { recursive: true })
    await writeFile(folder.file('base', 'of somebody'), 'precious')
    await expect(folder.start()).rejects.toThrow(
      `its data in ${folder.file()} is not whole. Put a backup there`,
    )
    expect(await readFile(folder.file('base', 'of somebody'), 'utf8')).toBe('precious')
  })
})

describe('server.log', () => {
  const inTheWay: Record<string, (file: string) => Promise<unknown>> = {
    'a folder': (file) => mkdir(join(file, 'deep'), { recursive: true }),
    'a link to a folder': (file) => symlink('/', file),
    'a link that leads nowhere': (file) => symlink('/nowhere/at/all', file),
  }
  it.each(Object.entries(inTheWay))('is put aside when it is %s', async (_, put) => {
    await folder.fill()
    for (const name of ['server.log', 'server.log.old']) await put(join(folder.dataDirectory, name))
    await folder.start()
    expect((await stat(join(folder.dataDirectory, 'server.log'))).isFile()).toBe(true)
  })

  it("is not written through another user's link when it is root who starts the service", async () => {
    const target = join(folder.dataDirectory, '..', 'precious')
    await folder.fill()
    await writeFile(target, 'precious')
    await symlink(target, join(folder.dataDirectory, 'server.log'))
    await folder.start()
    expect(await readFile(target, 'utf8')).toBe('precious')
  })
})

describe('a disk that is too small', () => {
  const start = (command: string, ...args: string[]) => {
    return run(command, [...args, process.execPath, ...embeddedPostgresProcess], undefined)
  }

  it('is said in a sentence, and no half-made cluster is left', async () => {
    await mkdir(folder.dataDirectory, { recursive: true })
    // 512 bytes each: the disk of a test can't be filled, but files can be kept from growing.
    const limited = start('/bin/sh', '-c', 'ulimit -f 2000; exec "$@" "$0"', folder.dataDirectory)
    await expect(limited).rejects.toThrow('may not grow as large as they must')
    expect(await readdir(folder.dataDirectory)).not.toContain('cluster')
    await folder.start()
  })
})
