/** One service for all foreign clients, as its users start it: built, on its embedded PostgreSQL. */
import type { TestProject } from 'vitest/node'
import { startProcess, temporaryDirectory } from '../support/process.js'

declare module 'vitest' {
  interface ProvidedContext {
    outsidersServiceUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = temporaryDirectory()
  const service = await startProcess({
    directory: directory.path,
    // A delivery that fails is DEAD at once, so a client can retry it.
    settings: { DELIVERY_MAX_ATTEMPTS: '1' },
  })
  project.provide('outsidersServiceUrl', service.url)
  return async () => {
    await service[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  }
}
