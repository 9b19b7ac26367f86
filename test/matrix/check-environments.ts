/** Sets up the environments of one PostgreSQL version, one after the other, and runs the same checks in each. */
import { afterAll, describe, inject, it, onTestFailed } from 'vitest'
import { doMainJob } from '../support/main-job.js'
import { checkCrash } from './checks/crash.js'
import { checkEnvironment } from './checks/environment.js'
import { checkLoad } from './checks/load.js'
import { checkReadOnly } from './checks/read-only.js'
import { checkRetries } from './checks/retries.js'
import { type Environment, environmentName, environments, type PostgresVersion } from './environments.js'
import { type Setup, setUp, type Versions } from './setup/setup.js'

declare module 'vitest' {
  interface TaskMeta {
    versions?: Versions
    /** The result in a few words. */
    saw?: string
  }
}

export interface Check {
  /** The title of its column in docs/matrix.md. */
  column: string
  title: string
  /** @returns the result in a few words */
  check(setup: Setup): Promise<string>
}

/** In this order, because the last one restarts the service. */
export const checks: Check[] = [
  {
    column: 'Main job',
    title: 'does the main job',
    check: ({ service }) => doMainJob(service).then(() => 'done'),
  },
  {
    column: 'Retries, live',
    title: 'retries, gives up, retries on request, and sends live updates',
    check: checkRetries,
  },
  { column: 'Load', title: 'delivers a short load once', check: checkLoad },
  {
    column: 'Read-only',
    title: 'refuses while the database is read-only, and goes on after',
    check: checkReadOnly,
  },
  { column: 'kill -9', title: 'delivers everything after kill -9', check: checkCrash },
]

/** Checks all environments of a PostgreSQL version, or the selected ones. */
export function checkEnvironmentsOn(
  version: PostgresVersion,
  isMeant: (environment: Environment) => boolean = () => true,
): void {
  for (const environment of environments) {
    if (environment.postgres !== version || !isMeant(environment)) continue
    describe(environmentName(environment), () => checkAllOn(environment))
  }
}

function checkAllOn(environment: Environment): void {
  let setup: Setup | undefined
  afterAll(() => setup?.[Symbol.asyncDispose]())

  it('is set up as named', async ({ task }) => {
    setup = await setUp(environment, inject('programs'))
    await checkEnvironment(setup)
    task.meta.versions = setup.versions
  })

  for (const { title, check } of checks) {
    it(title, async ({ task }) => {
      if (setup === undefined)
        throw new Error('The environment was not set up. Its first test has the reason.')
      const { service } = setup
      onTestFailed(() => {
        process.stderr.write(
          `${environmentName(environment)}: what the service printed last\n${service.output()}\n`,
        )
      })
      task.meta.saw = await check(setup)
    })
  }
}
