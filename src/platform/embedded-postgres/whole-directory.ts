import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Makes a directory whole or not at all: it is filled under another name, then renamed. A process killed in the middle
 * leaves a draft, and the next one clears it away. If two processes do so at once, the first wins.
 *
 * @param isAlone no other process can make it now, so every draft is abandoned, even with the pid of a live process
 * @returns whether this call made it
 */
export async function makeWhole(
  directory: string,
  fill: (draft: string) => Promise<void>,
  { isAlone = false } = {},
): Promise<boolean> {
  await removeAbandonedDrafts(directory, isAlone)
  if (await exists(directory)) return false
  const draft = `${draftPrefix(directory)}${process.pid}-${randomBytes(4).toString('hex')}`
  await mkdir(draft)
  try {
    await fill(draft)
    await rename(draft, directory)
    await syncDirectory(dirname(directory))
    return true
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (await exists(directory)) return false
    throw error
  }
}

const draftPrefix = (directory: string) => `${directory}.draft-`

async function removeAbandonedDrafts(directory: string, isAlone: boolean): Promise<void> {
  const prefix = basename(draftPrefix(directory))
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(prefix)) continue
    if (!isAlone && isAlive(Number.parseInt(name.slice(prefix.length), 10))) continue
    // Retried, because a child of the killed process may still be writing there.
    await rm(join(dirname(directory), name), { recursive: true, force: true, maxRetries: 20 })
  }
}

/** Without this fsync, a crash of the machine could bring back the draft's name. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory)
  await handle.sync()
  await handle.close()
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
