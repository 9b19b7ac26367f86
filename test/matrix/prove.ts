/** Sets up the grounds on one PostgreSQL, one after the other, and does on each what the service promises everywhere. */
import { afterAll, describe, inject, it, onTestFailed } from 'vitest'
import { doMainJob } from '../support/main-job.js'
import { type Ground, groundName, grounds, type PostgresVersion } from './grounds.js'
import { proveCrash } from './proofs/crash.js'
import { proveGround } from './proofs/ground.js'
import { proveLoad } from './proofs/load.js'
import { proveReadOnly } from './proofs/read-only.js'
import { proveRetries } from './proofs/retries.js'
import { type Stage, setUp, type Versions } from './stage/stage.js'

declare module 'vitest' {
  interface TaskMeta {
    versions?: Versions
    /** What was seen, in a few words. */
    saw?: string
  }
}

export interface Proof {
  /** Of its column in docs/matrix.md. */
  column: string
  title: string
  /** @returns what was seen, in a few words */
  prove(stage: Stage): Promise<string>
}

/** In this order: the last one leaves a service that was started anew. */
export const proofs: Proof[] = [
  {
    column: 'Main job',
    title: 'does the main job',
    prove: ({ service }) => doMainJob(service).then(() => 'done'),
  },
  {
    column: 'Retries, live',
    title: 'retries, gives up, tries again by hand, and tells live',
    prove: proveRetries,
  },
  { column: 'Load', title: 'delivers a short load once', prove: proveLoad },
  {
    column: 'Read-only',
    title: 'refuses while the database is read-only, and goes on after',
    prove: proveReadOnly,
  },
  { column: 'kill -9', title: 'delivers everything after kill -9', prove: proveCrash },
]

/** Of those on one PostgreSQL: all, or some. */
export function proveGroundsOn(
  version: PostgresVersion,
  isMeant: (ground: Ground) => boolean = () => true,
): void {
  for (const ground of grounds) {
    if (ground.postgres !== version || !isMeant(ground)) continue
    describe(groundName(ground), () => proveAllOn(ground))
  }
}

function proveAllOn(ground: Ground): void {
  let stage: Stage | undefined
  afterAll(() => stage?.[Symbol.asyncDispose]())

  it('is what it is called', async ({ task }) => {
    stage = await setUp(ground, inject('programs'))
    await proveGround(stage)
    task.meta.versions = stage.versions
  })

  for (const { title, prove } of proofs) {
    it(title, async ({ task }) => {
      if (stage === undefined) throw new Error('The ground was not set up, as its first test says.')
      const { service } = stage
      onTestFailed(() => {
        process.stderr.write(`${groundName(ground)}: what the service printed last\n${service.output()}\n`)
      })
      task.meta.saw = await prove(stage)
    })
  }
}
