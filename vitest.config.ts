/**
 * The tests of `npm test`, in three groups that run one after the other: unit tests; everything that needs servers; and
 * what measures time or memory, with fewer neighbours. `vitest run --project 'integration*'` selects a layer.
 */
import { defineConfig } from 'vitest/config'
import { wholeValues } from './test/support/failure-messages.js'
import { findMemoryFolder } from './test/support/memory-folder.js'
import { SlowestFirst } from './test/support/slowest-first.js'

/** Most tests wait for servers and timers most of the time, so more of them run than there are cores. */
const WORKERS = 4
/** Tests whose limits hold on a busy machine, but not on an overloaded one. */
const MEASURING_WORKERS = 2

const integration = ['test/integration/**/*.test.ts']
const endToEnd = ['test/e2e/**/*.test.ts', 'test/faults/short.test.ts']

/** Tests that assert how long something takes or how much memory, or that fail when the machine is overloaded. */
const measuring = [
  'back-pressure',
  'clock',
  'delivery',
  'dependencies-away',
  'endpoints-endless-answers',
  'fair-leases',
  'fairness',
  'graphql-answer-bounds',
  'graphql-safety',
  'graphql-slow',
  'happy-eyeballs',
  'matching-size',
  'migrations-online',
  'name-lookup',
  'postgres-failover',
  'postgres-pool',
  'retention',
  'slow-clients',
  'stop',
].map((name) => `test/integration/${name}.test.ts`)
const measuringEndToEnd = ['clocks', 'docs-page', 'process', 'processes', 'stop-during-start'].map(
  (name) => `test/e2e/${name}.test.ts`,
)

// `tmpdir()` of Node.js asks for it, here and in each worker.
process.env.TMPDIR ??= findMemoryFolder() ?? '/tmp'

/** A Redis of the user's is shared by all test files, and some of them flush it. */
const isRedisShared = process.env.REDIS_URL !== undefined

/** Of every project. The servers of a run are not among it: a project that inherited them would start its own. */
const shared = {
  sequence: { sequencer: SlowestFirst },
  // They only end what hangs: what must be quick says so itself.
  testTimeout: 60_000,
  hookTimeout: 90_000,
  // A condition may take this long on a machine that has much to do.
  expect: { poll: { timeout: 10_000 } },
  chaiConfig: wholeValues,
  // What the tests measure is the service, not the wish of whoever runs them.
  env: { NODE_ENV: 'test' },
}
// Vite would take another file of graphql than Node does, and there must be one only.
const resolve = { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] }

const project = (
  name: string,
  group: number,
  workers: number,
  files: { include: string[]; exclude?: string[]; isolate?: boolean },
) => ({
  resolve,
  test: {
    ...shared,
    name,
    ...files,
    maxWorkers: isRedisShared ? 1 : workers,
    sequence: { ...shared.sequence, groupOrder: group },
  },
})

export default defineConfig({
  resolve,
  test: {
    ...shared,
    globalSetup: 'test/support/global-setup.ts',
    projects: [
      project('unit', 0, WORKERS, {
        include: ['test/unit/**/*.test.ts', 'test/faults/duplicates.test.ts', 'test/faults/ordering.test.ts'],
        isolate: false,
      }),
      project('integration', 1, WORKERS, { include: integration, exclude: measuring, isolate: false }),
      project('e2e', 1, WORKERS, { include: endToEnd, exclude: measuringEndToEnd, isolate: false }),
      project('integration-measuring', 2, MEASURING_WORKERS, {
        include: [...measuring, 'test/faults/verify.test.ts'],
        isolate: false,
      }),
      project('e2e-measuring', 2, MEASURING_WORKERS, { include: measuringEndToEnd, isolate: false }),
    ],
  },
})
