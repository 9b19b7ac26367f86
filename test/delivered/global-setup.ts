/** Builds the image once, from the Dockerfile, for all that is shown of it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildImage, type Image } from './support/image-build.js'

declare module 'vitest' {
  interface ProvidedContext {
    image: Image
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
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
