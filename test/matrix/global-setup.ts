/** Provides the programs of all grounds before the first of them is set up, and writes docs/matrix.md at the end. */
import type { TestProject } from 'vitest/node'
import { provideRedis } from '../support/redis.js'
import { grounds } from './grounds.js'
import { writeReport } from './report.js'
import { type Programs, providePrograms } from './stage/programs.js'

declare module 'vitest' {
  interface ProvidedContext {
    programs: Programs
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  project.provide('programs', await providePrograms(grounds))
  project.provide('redisSource', provideRedis())
  return async () => writeReport(project.vitest.state.getTestModules())
}
