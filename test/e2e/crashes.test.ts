/** Errors that nobody caught, in processes as users start them: one line each, and an end in order. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { isOfStack, type Launched, launch } from '../support/launch.js'
import { temporaryDirectory } from '../support/process.js'
import type { Settings } from '../support/service.js'
import { startSilentServer } from '../support/silent-server.js'

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

/** A fault that comes with a signal: an error as ioredis throws them, with the command and its arguments. */
const fault = (how: string) => `
  process.on('SIGUSR2', () => {
    const error = new Error('redis://user:${SECRET}@host:6379 says no\\n  and more: ${SECRET}')
    Object.assign(error, { command: { name: 'auth', args: ['${SECRET}'] }, detail: '${SECRET}' })
    ${how}
  })`
const hows = [
  ['uncaughtException', 'throw error'],
  ['unhandledRejection', 'Promise.reject(error)'],
] as const

function begin(program: string, how: string, settings: Settings, args: string[] = []): Launched {
  const file = join(directory, 'fault.mjs')
  writeFileSync(file, fault(how))
  const all = { NODE_OPTIONS: `--import ${pathToFileURL(file)}`, ...settings }
  return resources.use(launch(program, { settings: all, directory, args }))
}

const until = (run: Launched, text: string) =>
  expect.poll(() => run.output.join('\n'), { timeout: 60_000 }).toContain(text)

function expectOneLine({ output }: Launched, origin: string): void {
  expect(output.join('\n')).not.toContain(SECRET)
  expect(output.filter(isOfStack)).toEqual([])
  const lines = output.filter((line) => line.includes('"level":60')).map((line) => JSON.parse(line))
  expect(lines).toEqual([
    expect.objectContaining({
      msg: origin,
      error: {
        type: 'Error',
        message: 'redis://user:***@host:6379 says no',
        at: expect.arrayContaining([expect.stringMatching(/fault\.mjs:\d+:\d+/)]),
      },
    }),
  ])
}

it.each(hows)('%s ends the service in order, with code 1', async (origin, how) => {
  const { url } = resources.use(await createTestDatabase())
  const run = begin('main.js', how, { DATABASE_URL: url })
  await until(run, '"msg":"listening"')
  run.kill('SIGUSR2')
  expect(await run.ended).toBe(1)
  expectOneLine(run, origin)
  expect(run.output.join('\n')).toContain('"msg":"stopped"')
})

it.each(hows)('%s ends one of several processes, and another takes its place', async (origin, how) => {
  const { url } = resources.use(await createTestDatabase())
  const run = begin('main.js', how, { DATABASE_URL: url, PROCESSES: '2' })
  await until(run, '"msg":"listening"')
  const children = readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8')
  process.kill(Number(children.split(' ')[0]), 'SIGUSR2')
  await until(run, 'a process died')
  expectOneLine(run, origin)
  run.kill('SIGTERM')
  expect(await run.ended).toBe(0)
})

it.each(hows)('%s ends a program that only begins', async (origin, how) => {
  const settings = { DATABASE_URL: `postgres://user:pw@127.0.0.1:${await findFreePort()}/x` }
  for (const [program, ...args] of [['main.js'], ['migrate.js'], ['retention.js', '--days', '1']] as const) {
    const run = begin(program, how, settings, args)
    await until(run, 'Waiting for PostgreSQL')
    run.kill('SIGUSR2')
    expect(await run.ended).toBe(1)
    expectOneLine(run, origin)
  }
})

it.each(hows)('%s ends the console', async (origin, how) => {
  const silent = resources.use(await startSilentServer())
  const run = begin('tail.js', how, {}, ['--url', `http://${silent.address}`, '--key', 'any'])
  await expect.poll(silent.isVisited, { timeout: 60_000 }).toBe(true)
  run.kill('SIGUSR2')
  expect(await run.ended).toBe(1)
  expectOneLine(run, origin)
})
