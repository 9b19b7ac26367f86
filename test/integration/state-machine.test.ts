/**
 * The states of deliveries and events, by sequences of steps that are made up: after each step the tables must be
 * what a plain model of them says, and after the last one everything that is open must come to an end.
 *
 * `FC_SEED=… FC_RUNS=1000 npx vitest run test/integration/state-machine.test.ts` makes up others, or more of them; a
 * failure tells the seed and the shortest sequence that fails.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { compare } from '../model/comparison.js'
import { buildGate } from '../model/gate.js'
import { deliveriesOf, isOpen } from '../model/reference-model.js'
import { answer, attempt, feed, probesBecomeDue, timePasses } from '../model/steps/attempts.js'
import { existing, turnOnOrOff } from '../model/steps/by-hand.js'
import { crashAndRestart } from '../model/steps/crashes.js'
import { dispatch } from '../model/steps/publishing.js'
import type { Step } from '../model/steps/step.js'
import { theirTimeComes } from '../model/steps/timed-events.js'
import { steps } from '../model/steps.js'
import { createWorld, type World } from '../model/world.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'

const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff)
const numRuns = Number(process.env.FC_RUNS ?? 25)
const MOST_STEPS = 150
/** Of probes and of what follows them, until nothing is open. */
const MOST_ROUNDS = 20
const LIMIT_MS = 5000 * numRuns

const file = 'test/integration/state-machine.test.ts'

/** Of all runs: how often a delivery had its turn after another of its ordering key. */
let orders = 0

let resources: Resources
let tables: TestDatabase
let database: Database

beforeAll(async () => {
  resources = createResources()
  tables = resources.use(await createTestDatabase())
  database = resources.use(openDatabase(tables))
  await buildGate(tables)
})
afterAll(() => resources[Symbol.asyncDispose]())

/** A step among those that can happen at that moment, and what it is done to. */
function command({ which, n }: { which: number; n: number }): fc.AsyncCommand<World, World> {
  let done = 'nothing'
  return {
    check: () => true,
    async run(world) {
      const possible = steps.filter(([, step]) => step.from(world).length > 0)
      const [name, step] = pick(possible, which)
      done = `${name} (${n})`
      await step.run(world, n)
      await compare(world)
    },
    toString: () => done,
  }
}

/** @param at from 0 to below 1, along all their weights */
function pick(possible: typeof steps, at: number): (typeof steps)[number] {
  let left = at * possible.reduce((sum, [, , weight]) => sum + weight, 0)
  for (const step of possible) {
    left -= step[2]
    if (left < 0) return step
  }
  throw new Error('Nothing can happen.')
}

const commands = fc.commands(
  [
    fc
      .record({
        which: fc.nat({ max: 9999 }).map((tenThousandths) => tenThousandths / 10_000),
        n: fc.nat({ max: 1000 }),
      })
      .map(command),
  ],
  { maxCommands: MOST_STEPS, size: 'max' },
)

/** Workers come back, every endpoint is there and answers: then nothing may stay open. */
async function settle(world: World): Promise<void> {
  const run = async (step: Step) => {
    if (step.from(world).length > 0) await step.run(world, 0)
  }
  await run(crashAndRestart)
  for (const [n, { isEnabled }] of existing(world).entries()) {
    if (!isEnabled) await turnOnOrOff.run(world, n)
  }
  await run(theirTimeComes)
  await run(dispatch)
  // A paused endpoint gets one delivery first, and more with each round.
  for (let round = 0; round < MOST_ROUNDS && deliveriesOf(world.model).some(isOpen); round++) {
    for (const step of [timePasses, probesBecomeDue, feed]) await run(step)
    while (world.engine.queue.length > 0) await run(attempt)
    while (world.engine.requests.length > 0) await run(answer(0))
  }
  await compare(world)
  expect(deliveriesOf(world.model).filter(isOpen)).toEqual([])
}

it(
  'are what they should be after every step, and come to an end',
  async () => {
    const property = fc.asyncProperty(commands, async (made) => {
      const world = await createWorld(tables, database)
      await fc.asyncModelRun(() => ({ model: world, real: world }), made)
      await settle(world)
      orders += world.orders
    })
    // A sequence that fails is made shorter for as long as there is time, and told as short as it got.
    await fc.assert(property, { seed, numRuns, interruptAfterTimeLimit: LIMIT_MS }).catch((cause: Error) => {
      const again = `Run it again: FC_SEED=${seed} FC_RUNS=${numRuns} npx vitest run ${file}`
      throw new Error(`${again}\n${cause.message}`, { cause })
    })
    if (process.env.FC_RUNS) process.stdout.write(`${orders} orders were checked.\n`)
    expect(orders).toBeGreaterThan(0)
  },
  2 * LIMIT_MS,
)
