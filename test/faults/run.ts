/** A run: load all the time, a fault every few seconds, then peace, and the judge. */
import { setTimeout as pause } from 'node:timers/promises'
import { createResources } from '../../src/platform/resources.js'
import type { PostgresPrograms } from '../support/postgres-server.js'
import { type Fault, faultsOf } from './faults.js'
import type { Past } from './moments.js'
import { type Producer, startProducer } from './producer.js'
import { createRandom } from './random.js'
import { countOpen } from './tables.js'
import { until } from './until.js'
import { type Verification, verifyPromises } from './verify.js'
import { createWorld, type Layout, type World } from './world.js'

export interface RunOptions {
  /** Everything that is left to chance follows from it: which faults, whom they befall, and for how long. */
  seed: string
  eventsPerSecond: number
  layout: Layout
  /** PostgreSQL's; those of the npm package unless given. */
  programs?: PostgresPrograms | undefined
  /** What the seed draws from; everything, unless given. */
  kinds?: Fault[]
  /** The faults in their order, where they are not to be drawn. */
  order?: Fault[]
  /** Most faults of this run. */
  maxFaults?: number
  /** No fault begins after this. */
  minutes?: number
  /** Of one fault. */
  longestMs: number
  /** Between two faults, from the end of one to the beginning of the next. */
  gapMs: { shortest: number; longest: number }
  onProgress?(progress: Progress): void
}

export interface Progress {
  index: number
  past: Past
  producer: Producer
  world: World
}

export interface Outcome {
  seed: string
  seconds: number
  past: Past[]
  producer: Pick<Producer, 'sent' | 'accepted' | 'unanswered' | 'answers' | 'slowestAnswerMs'>
  requests: number
  /** How long it took, after the last fault, until nothing was open any more. */
  settledInMs: number
  verification: Verification
}

const SETTLE_TIMEOUT_MS = 180_000

export async function runFaults(options: RunOptions): Promise<Outcome> {
  const { seed, eventsPerSecond, layout, programs, order, kinds = order ?? faultsOf(layout) } = options
  const needs = new Set(kinds.flatMap((fault) => fault.needs ?? []))
  const resources = createResources()
  try {
    const world = resources.use(
      await createWorld(createRandom(`${seed} endpoints`), { layout, needs, programs }),
    )
    const startedAt = performance.now()
    const { apis, apiKey } = world
    const random = createRandom(`${seed} events`)
    const producer = resources.use(
      startProducer({ apiUrls: apis.map(({ url }) => url), apiKey, eventsPerSecond, random }),
    )
    const past = await haveFaults(world, producer, options)

    const overAt = performance.now()
    await producer.finish()
    await settle(world)
    const settledInMs = performance.now() - overAt
    const seconds = (performance.now() - startedAt) / 1000
    const verification = await verifyPromises(world, producer, past)
    return { seed, seconds, past, producer, requests: world.endpoints.requests, settledInMs, verification }
  } finally {
    await resources[Symbol.asyncDispose]()
  }
}

async function haveFaults(world: World, producer: Producer, options: RunOptions): Promise<Past[]> {
  const { seed, layout, kinds = faultsOf(layout), order, longestMs, gapMs, onProgress } = options
  const { maxFaults = order?.length ?? Number.POSITIVE_INFINITY, minutes = Number.POSITIVE_INFINITY } =
    options
  const endsAt = performance.now() + minutes * 60_000
  const past: Past[] = []
  const draw = createRandom(`${seed} faults`)
  while (past.length < maxFaults && performance.now() < endsAt) {
    const index = past.length
    // Its own chance for each fault, so that what one draws doesn't change what comes after it.
    const random = createRandom(`${seed} fault ${index}`)
    const fault = order?.[index] ?? draw.pick(kinds)
    await pause(random.durationMs(gapMs.shortest, gapMs.longest))
    const from = performance.now()
    const victim = await fault.run(world, { random, longestMs })
    const one = { fault, victim, from, to: performance.now() }
    past.push(one)
    onProgress?.({ index, past: one, producer, world })
  }
  await pause(gapMs.longest)
  return past
}

/** Every endpoint is well, until everything has come to its end. What hasn't by then, the verification will name. */
export async function settle({ postgres, endpoints }: World): Promise<void> {
  endpoints.heal()
  const isSettled = async () => {
    const { outbox, deliveries, leases } = await countOpen(postgres)
    return outbox + deliveries + leases === 0 && endpoints.underWay === 0
  }
  await until('everything has settled', isSettled, { timeoutMs: SETTLE_TIMEOUT_MS, everyMs: 250 }).catch(
    () => {},
  )
}
