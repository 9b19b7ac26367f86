/**
 * `npm run test:soak`: the service under steady load for an hour, with live subscribers that come and go. Memory,
 * sockets and handles of each process have to stay flat, and nothing may be lost.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createClient } from '../support/client.js'
import { type LiveSubscribers, startLiveSubscribers } from './live-subscribers.js'
import { startProducer } from './producer.js'
import { createRandom } from './random.js'
import { settle } from './run.js'
import { until } from './until.js'
import { verifyPromises } from './verify.js'
import { createWorld, type World } from './world.js'

const USAGE = `npm run test:soak -- [options]

  --minutes n    how long (60)
  --rate n       events a second (a third of what the machine takes, which is measured first)
  --seed text    repeats the load of the run that printed it
`

const print = (line: string) => void process.stdout.write(`${line}\n`)
const SAMPLE_EVERY_MS = 2000
const PUBLISHERS = 64
const PROBE_MS = 10_000

/** What may not grow, by the name of its metric. Memory may grow by a tenth, for what the collector leaves. */
const gauges = [
  { metric: 'process_resident_memory_bytes', name: 'memory, MiB', unit: 2 ** 20, share: 0.1, most: 16 },
  { metric: 'process_open_fds', name: 'open files and sockets', unit: 1, share: 0.1, most: 10 },
  { metric: 'nodejs_active_handles_total', name: 'handles', unit: 1, share: 0.1, most: 10 },
] as const

type Sample = Record<string, number>

/** Events a second, from the first request until each delivery was attempted. */
async function measureFullSpeed(seed: string): Promise<number> {
  await using world = await createWorld(createRandom(`${seed} probe`))
  const from = performance.now()
  let accepted = 0
  await Promise.all(
    Array.from({ length: PUBLISHERS }, async (_, index) => {
      const api = createClient(world.apis[index % world.apis.length]?.url ?? '', world.apiKey)
      while (performance.now() - from < PROBE_MS) {
        const { status } = await api.post('/v1/events', { type: 'user.created', data: {} })
        if (status === 202) accepted += 1
      }
    }),
  )
  // Retries wait for their time, however fast the service is.
  const isDone = async () => {
    const rows = await world.postgres.query(
      `select "eventId" from outbox union all (select id from deliveries where status = 'PENDING' limit 1)`,
    )
    return rows.length === 0
  }
  await until('the probe is attempted', isDone, { timeoutMs: 300_000 })
  return accepted / ((performance.now() - from) / 1000)
}

async function sample({ apis, workers, apiKey }: World): Promise<Map<string, Sample>> {
  const samples = new Map<string, Sample>()
  for (const { name, url } of [...apis, ...workers]) {
    const { body } = await createClient(url, apiKey).get<string>('/v1/metrics')
    const read = (metric: string) => Number(new RegExp(`^${metric}(?:\\{\\})? (\\S+)$`, 'm').exec(body)?.[1])
    samples.set(name, Object.fromEntries(gauges.map(({ metric, unit }) => [metric, read(metric) / unit])))
  }
  return samples
}

/** Compares the second quarter of the run with the last: the first is for warming up. */
function judge(samples: Map<string, Sample>[]): string[] {
  const quarter = Math.floor(samples.length / 4)
  const complaints: string[] = []
  for (const name of samples[0]?.keys() ?? []) {
    for (const { metric, name: what, share, most } of gauges) {
      const medianOf = (part: Map<string, Sample>[]) =>
        median(part.map((all) => all.get(name)?.[metric] as number))
      const before = medianOf(samples.slice(quarter, 2 * quarter))
      const after = medianOf(samples.slice(-quarter))
      print(
        `${name.padEnd(10)} ${what.padEnd(24)} ${before.toFixed(0).padStart(6)} then ${after.toFixed(0).padStart(6)}`,
      )
      if (!(after <= before * (1 + share) + most))
        complaints.push(`${name}: ${what} grew from ${before} to ${after}`)
    }
  }
  return complaints
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      rate: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(1_000_000)) },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return print(USAGE)
  const { seed } = values
  const eventsPerSecond = Math.ceil(values.rate ? Number(values.rate) : (await measureFullSpeed(seed)) / 3)
  print(`seed ${seed}, ${eventsPerSecond} events a second for ${values.minutes} minutes`)

  await using world = await createWorld(createRandom(`${seed} endpoints`))
  const apiUrls = world.apis.map(({ url }) => url)
  const { apiKey } = world
  await using producer = startProducer({
    apiUrls,
    apiKey,
    eventsPerSecond,
    random: createRandom(`${seed} events`),
  })
  const live: LiveSubscribers = startLiveSubscribers({
    apiUrls,
    apiKey,
    random: createRandom(`${seed} live`),
  })
  const samples: Map<string, Sample>[] = []
  const endsAt = performance.now() + Number(values.minutes) * 60_000
  while (performance.now() < endsAt) {
    await pause(SAMPLE_EVERY_MS)
    samples.push(await sample(world))
  }
  await live[Symbol.asyncDispose]()
  await producer.finish()
  await settle(world)

  const { findings, duplicates } = await verifyPromises(world, producer, [])
  const complaints = [
    ...judge(samples),
    ...findings.map(({ promise, id, detail }) => `${promise}: ${id}: ${detail}`),
  ]
  if (live.updates === 0) complaints.push('no live subscriber saw an update')
  print(`published ${producer.sent}, accepted ${producer.accepted.size}; duplicates ${duplicates.length}`)
  print(
    `live subscribers ${live.opened}, which saw ${live.updates} updates; ${live.failed} ended by themselves`,
  )
  print(complaints.length === 0 ? 'flat, and nothing lost' : `BROKEN\n${complaints.slice(0, 20).join('\n')}`)
  if (complaints.length > 0) process.exitCode = 1
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack ?? error}\n`)
  process.exitCode = 1
})
