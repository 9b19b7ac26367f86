/** Builds the image once, from the Dockerfile, for all that is shown of it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildImage, type Image } from './support/image-build.js'
import { findLack } from './support/requirements.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined where nothing can be shown of it: see `lack`. */
    image: Image | undefined
    /** Why this machine can run no containers, if it can't. */
    lack: string | undefined
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const lack = findLack()
  project.provide('lack', lack)
  project.provide('image', undefined)
  if (lack !== undefined) {
    process.stderr.write(`Nothing is shown of the image: ${lack}\n`)
    return async () => {}
  }
  const directory = await mkdtemp(join(tmpdir(), 'node-event-service-image-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    project.provide('image', await buildImage(directory))
  } catch (error) {
    await remove()
    throw error
  }
  return remove
}
