/** Provides the programs of all environments before the first is set up, and writes docs/matrix.md at the end. */
import type { TestProject } from 'vitest/node'
import { provideRedis } from '../support/redis.js'
import { environments } from './environments.js'
import { writeReport } from './report.js'
import { type Programs, providePrograms } from './setup/programs.js'

declare module 'vitest' {
  interface ProvidedContext {
    programs: Programs
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  project.provide('programs', await providePrograms(environments))
  project.provide('redisSource', provideRedis())
  return async () => writeReport(project.vitest.state.getTestModules())
}
