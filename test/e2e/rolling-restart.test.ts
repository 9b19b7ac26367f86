/**
 * Two API processes are restarted in turn under 30 clients that keep their connections: not one request fails.
 *
 * `ROLLING_RESTART_ROUNDS=20 npx vitest run test/e2e/rolling-restart.test.ts` is the long form.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { findSteadyPort } from '../faults/steady-port.js'
import { createTestDatabase } from '../support/database.js'
import { startNginx } from '../support/nginx.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { startProducers } from '../support/producers.js'
import { startRedis } from '../support/redis.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const rounds = Number(process.env.ROLLING_RESTART_ROUNDS ?? 2)
const START_MAY_TAKE_MS = 60_000
const ROUND_MAY_TAKE_MS = 60_000
/** Between two restarts: long enough for clients to use the process that is back. */
const SETTLED_MS = 500

it.each([
  ['directly', 1],
  ['through nginx', 1],
  ['directly', 2],
] as const)(
  'rolling restarts under load, %s, of services with %i processes, fail no request',
  { timeout: START_MAY_TAKE_MS + rounds * ROUND_MAY_TAKE_MS },
  async (way, processes) => {
    const database = resources.use(await createTestDatabase())
    const redis = resources.use(await startRedis())
    const directory = resources.use(temporaryDirectory()).path
    const shared = { DATABASE_URL: database.url, REDIS_URL: redis.url, SHUTDOWN_GRACE_SECONDS: '1' }
    const ofApi = { ...shared, ROLE: 'api', PROCESSES: String(processes) }
    resources.use(await startProcess({ settings: { ...shared, ROLE: 'worker' }, directory }))
    const start = async (port: number) =>
      resources.use(await startProcess({ settings: { ...ofApi, PORT: String(port) }, directory }))

    const ports = [await findSteadyPort(), await findSteadyPort()]
    const apis = await Promise.all(ports.map(start))
    const urls = apis.map(({ url }) => url)
    const nginx =
      way === 'through nginx' &&
      resources.use(await startNginx(await findSteadyPort(), ports, join(directory, 'nginx')))
    const producers = startProducers(nginx ? [nginx.url] : urls)
    const codes: unknown[] = []
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, port] of ports.entries()) {
        await pause(SETTLED_MS)
        codes.push(await (apis[index] as ServiceProcess).end('SIGTERM'))
        apis[index] = await start(port)
      }
    }
    await producers.stop()

    expect(codes).toEqual(Array(2 * rounds).fill(0))
    const { '202': accepted, ...failed } = producers.outcomes
    expect(failed).toEqual({})
    const [{ events }] = (await database.query('select count(*)::int as events from events')) as [
      { events: number },
    ]
    expect(events).toBe(accepted)
    process.stdout.write(
      `rolling restarts ${way}, processes=${processes}: ${rounds} rounds, ${accepted} requests, 0 failed\n`,
    )
  },
)
