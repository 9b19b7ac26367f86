/** The service on its embedded PostgreSQL, when either of them is killed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { findServerProcesses } from '../../src/platform/embedded-postgres/postgres-processes.js'
import { createRandom } from '../faults/random.js'
import { endProcess, hasEnded } from '../support/child-process.js'
import { TEST_KEY } from '../support/client.js'
import { copyCluster } from '../support/cluster-template.js'
import { launch, type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'

const TEST_TIMEOUT_MS = 600_000
const clusters: string[] = []

afterEach(async () => {
  for (const cluster of clusters.splice(0))
    for (const pid of await findServerProcesses(cluster)) process.kill(pid, 'SIGKILL')
})

function folder() {
  const directory = temporaryDirectory()
  clusters.push(clusterIn(directory.path))
  return directory
}

/** One with a cluster, as an earlier start has left it. */
async function filledFolder() {
  const directory = folder()
  await copyCluster(join(directory.path, '.data/postgres'))
  return directory
}

const clusterIn = (directory: string) => join(directory, '.data/postgres/cluster')
const postmasterOf = (directory: string) =>
  Number.parseInt(readFileSync(join(clusterIn(directory), 'postmaster.pid'), 'utf8'), 10)

const publish = async ({ url }: ServiceProcess) => {
  const headers = { 'x-api-key': TEST_KEY, 'content-type': 'application/json' }
  const body = JSON.stringify({ type: 'user.created', data: {} })
  return (await fetch(`${url}/v1/events`, { method: 'POST', headers, body })).status
}
const health = async ({ url }: ServiceProcess) => (await fetch(`${url}/v1/health`)).status

describe('a service whose embedded PostgreSQL is killed', () => {
  it('answers 503, has it again within 20 seconds, and stops in order', {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    await using directory = await filledFolder()
    await using service = await startProcess({ settings: {}, directory: directory.path })
    process.kill(postmasterOf(directory.path), 'SIGKILL')
    const answers = new Set<number>()
    const isWell = async () => {
      answers.add(await publish(service))
      return [await health(service), await publish(service)]
    }
    await expect.poll(isWell, { timeout: 20_000 }).toEqual([200, 202])
    for (const status of answers) expect([202, 503]).toContain(status)
    expect(await service.end('SIGTERM')).toBe(0)
    expect(await findServerProcesses(clusterIn(directory.path))).toEqual([])
  })

  it('stops in order while it is started again', { timeout: TEST_TIMEOUT_MS }, async () => {
    await using directory = await filledFolder()
    await using service = await startProcess({ settings: {}, directory: directory.path })
    process.kill(postmasterOf(directory.path), 'SIGKILL')
    expect(await service.end('SIGTERM')).toBe(0)
    expect(await findServerProcesses(clusterIn(directory.path))).toEqual([])
  })
})

/** With FIRST_START_SEED, the moments that were; otherwise others. */
const seed = process.env.FIRST_START_SEED ?? Math.random().toString(36).slice(2)
const KILLS = Number(process.env.FIRST_START_KILLS ?? 3)

describe('a very first start that is killed', () => {
  it(`is followed by one that works, whenever it was killed (FIRST_START_SEED=${seed})`, {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const random = createRandom(seed)
    const wholeMs = await timeFirstStart()
    for (let kill = 1; kill <= KILLS; kill++) {
      await using directory = folder()
      const { child } = launch('main.js', { settings: {}, directory: directory.path })
      const afterMs = random.next() * wholeMs
      await sleep(afterMs)
      const moment = `kill ${kill} of FIRST_START_SEED=${seed}, after ${Math.round(afterMs)} of ${wholeMs} ms`
      expect(hasEnded(child), moment).toBe(false)
      await endProcess(child, 'SIGKILL')
      const next = await startProcess({ settings: {}, directory: directory.path }).catch((error: Error) => {
        throw new Error(`${moment}: ${error.message}`)
      })
      expect(await publish(next), moment).toBe(202)
      expect(await next.end('SIGTERM'), moment).toBe(0)
    }
  })

  async function timeFirstStart(): Promise<number> {
    await using directory = folder()
    const beganMs = performance.now()
    await using _service = await startProcess({ settings: {}, directory: directory.path })
    return Math.round(performance.now() - beganMs)
  }
})
