/** The service as npm would pack it: installed elsewhere, and started by its name. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { endProcess } from '../support/child-process.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { type Consumer, installElsewhere } from './consumer.js'

let consumer: Consumer

beforeAll(() => {
  consumer = installElsewhere('.')
})
afterAll(() => consumer[Symbol.dispose]())

it('the packed service starts by its name, on the embedded PostgreSQL, and takes an event', async () => {
  const service = spawn(join(consumer.directory, 'node_modules/.bin/node-event-service'), {
    cwd: consumer.directory,
    env: { PATH: process.env.PATH, API_KEYS: TEST_KEY, PORT: '0', SHUTDOWN_GRACE_SECONDS: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const url = await urlOf(service)
    const api = createClient(url)
    expect(await api.get('/v1/health')).toMatchObject({ status: 200, body: { version: '0.1.0' } })
    expect(await api.post('/v1/events', { type: 'packed', data: {} })).toMatchObject({ status: 202 })
  } finally {
    await endProcess(service, 'SIGTERM')
  }
  expect(service.exitCode).toBe(0)
})

async function urlOf({ stdout }: { stdout: NodeJS.ReadableStream }): Promise<string> {
  const lines: string[] = []
  for await (const line of createInterface(stdout)) {
    lines.push(line)
    if (line.includes('"msg":"listening"')) return JSON.parse(line).url
  }
  throw new Error(`The service ended before it listened:\n${lines.join('\n')}`)
}
