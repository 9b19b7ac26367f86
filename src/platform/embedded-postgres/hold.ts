/**
 * The right to a folder: only its holder may start, adopt or stop the server there. It is an exclusive lock of the
 * operating system (`flock`) on a file in the folder, so it always ends with the process, independent of PostgreSQL.
 * See docs/decisions/0020-a-file-lock-holds-the-folder.md.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresError } from './run.js'

export interface Hold {
  /** Whether the locked file is still in the folder, which may have been deleted or made again. */
  isOfThisFolder(): Promise<boolean>
  release(): void
}

/** The kernel takes a moment to release the lock of a killed process. */
const TRIES = 20
const BETWEEN_TRIES_MS = 50

/**
 * The file stays when the lock is released: if it were deleted, two processes could each lock a file of that name.
 *
 * @param directory what a person calls `home`
 * @throws EmbeddedPostgresError with the pid of the holder
 */
export async function takeHold(home: string, directory: string): Promise<Hold> {
  const file = join(home, 'lock')
  for (let tries = 1; ; tries++) {
    const descriptor = await openLocked(file)
    if (descriptor !== undefined) return holdOf(descriptor, file)
    if (tries === TRIES) break
    await sleep(BETWEEN_TRIES_MS)
  }
  const holder = readFileSync(file, 'utf8').trim() || 'unknown'
  throw new EmbeddedPostgresError(
    `another Node Event Service runs on ${directory} (pid ${holder}); stop it first.`,
  )
}

function holdOf(descriptor: number, file: string): Hold {
  // Only for the error message of another process, so a full disk doesn't matter.
  try {
    ftruncateSync(descriptor)
    writeSync(descriptor, `${process.pid}\n`)
  } catch {}
  const locked = fstatSync(descriptor)
  return {
    async isOfThisFolder() {
      const found = await stat(file).catch(() => undefined)
      return found?.ino === locked.ino && found.dev === locked.dev
    },
    release: () => closeSync(descriptor),
  }
}

/** A number rather than a FileHandle, which the garbage collector would close. */
const open = (file: string, flags: number) =>
  openSync(
    file,
    constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | flags,
    0o600,
  )

// <fcntl.h> of macOS, which can lock what it opens. Node.js doesn't name it.
const MACOS_O_EXLOCK = 0x20

/** @returns undefined when another process has it */
async function openLocked(file: string): Promise<number | undefined> {
  if (process.platform === 'darwin') {
    try {
      return open(file, MACOS_O_EXLOCK | constants.O_NONBLOCK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
      throw error
    }
  }
  const descriptor = open(file, 0)
  try {
    if (await lock(descriptor)) return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  closeSync(descriptor)
  return undefined
}

/** Node.js has no flock(2). The lock belongs to the open file, so a child process can take it for its parent. */
async function lock(descriptor: number): Promise<boolean> {
  const child = spawn('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] })
  let complaint = ''
  child.stderr?.on('data', (data) => {
    complaint += data
  })
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    if (code === 0) return true
    if (code === 1) return false
  } catch (error) {
    throw new EmbeddedPostgresError('it needs the program `flock`, of the package util-linux.', error)
  }
  throw new EmbeddedPostgresError(`its folder can't be locked: ${complaint.trim()}.`)
}
