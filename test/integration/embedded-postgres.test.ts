import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { endProcess } from '../support/child-process.js'
import { query, useEmbeddedFolder } from '../support/embedded-folder.js'

const folder = useEmbeddedFolder()
const { start, startInChild } = folder

test('what is written is there after a stop and another start', async () => {
  const first = await start()
  expect(first).toMatchObject({ adopted: false, dataDirectory: folder.dataDirectory })
  await query(first.url, 'create table kept as select 42 as answer')
  await first.stop()
  await expect(query(first.url, 'select 1')).rejects.toThrow()

  const second = await start()
  expect(second.adopted).toBe(false)
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
})

test('commits are durable, and every connection has to know the password', async () => {
  await folder.fill()
  const { url } = await start()
  const rows = await query(
    url,
    `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit')`,
  )
  expect(rows.map(({ setting }) => setting)).toEqual(['on', 'on'])

  const wrong = Object.assign(new URL(url), { password: 'guess' })
  await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  const { mode } = await stat(join(folder.dataDirectory, 'password'))
  expect(mode & 0o777).toBe(0o600)
})

test('settings go over our defaults, whatever characters they hold', async () => {
  await folder.fill()
  const { url } = await start({
    settings: { work_mem: '5MB', application_name: `it's "quoted" $HOME` },
  })
  expect(
    await query(
      url,
      `select current_setting('work_mem') as memory, current_setting('application_name') as name`,
    ),
  ).toEqual([{ memory: '5MB', name: `it's "quoted" $HOME` }])
})

test('a server that outlived its process is adopted, with what was committed', async () => {
  await folder.fill()
  const { child, url, adopted } = await startInChild()
  expect(adopted).toBe(false)
  await query(url, 'create table kept as select 42 as answer')
  await endProcess(child, 'SIGKILL')
  expect(await query(url, 'select answer from kept')).toEqual([{ answer: 42 }])

  const server = await start()
  expect(server).toMatchObject({ adopted: true, url })
  await server.stop()
  await expect(query(url, 'select 1')).rejects.toThrow()
})

test('a second service on the same data is told whose it is, and disturbs nothing', async () => {
  await folder.fill()
  const { child, url } = await startInChild()
  await expect(start()).rejects.toThrow(
    `another Node Event Service runs on ${folder.dataDirectory} (pid ${child.pid}); stop it first`,
  )
  expect(await query(url, 'select 1 as alive')).toEqual([{ alive: 1 }])
})

test('after everything was killed, the next start recovers what was committed', async () => {
  await folder.fill()
  const { child, url } = await startInChild()
  await query(url, 'create table kept as select 42 as answer')
  await folder.crash(child)

  const server = await start()
  expect(server.adopted).toBe(false)
  expect(await query(server.url, 'select answer from kept')).toEqual([{ answer: 42 }])
})

test('of two first starts at once, one has the server and the other is told so', async () => {
  const results = await Promise.allSettled([start(), start()])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const refused = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  expect(refused.reason.message).toContain('another Node Event Service runs')
})

test('stop may be called again, and when the server is gone already', async () => {
  await folder.fill()
  const server = await start()
  process.kill(await folder.postmasterPid(), 'SIGKILL')
  await server.stop()
  await server.stop()
})

test('a start that is called off leaves no process behind', async () => {
  const calledOff = new AbortController()
  const begun = start({ signal: calledOff.signal })
  const isUnderWay = async () => (await folder.serverProcesses()).length > 0
  await expect.poll(isUnderWay, { timeout: 20_000, interval: 5 }).toBe(true)
  calledOff.abort(new Error('called off'))
  await expect(begun).rejects.toThrow('called off')
  expect(await folder.serverProcesses()).toEqual([])
  expect(await start()).toMatchObject({ adopted: false })
})
