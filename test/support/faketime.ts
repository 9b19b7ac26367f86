/**
 * Processes whose clock is wrong, by libfaketime, which stands between a program and the kernel's clock. The database,
 * and whoever looks on, keep the true one; so does the monotonic clock, which nobody can set.
 */
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireProgram } from './machine-program.js'
import type { Settings } from './service.js'

const LIBRARIES = '/usr/lib'
/** The one for programs with threads, as Node.js is. */
const LIBRARY = 'faketime/libfaketimeMT.so.1'

const find = (): string | undefined =>
  process.platform === 'linux'
    ? readdirSync(LIBRARIES, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name.endsWith('-linux-gnu'))
        .map(({ name }) => join(LIBRARIES, name, LIBRARY))
        .find((path) => existsSync(path))
    : undefined

/** Where it is; undefined where it can't be had, which CI must not overlook. @throws Error in CI */
export function provideFaketime(): string | undefined {
  try {
    return requireProgram({
      find,
      debianPackage: 'libfaketime',
      lack: 'The tests of wrong clocks need libfaketime. Install it',
    })
  } catch (error) {
    if (process.env.CI) throw error
    process.stderr.write(`Skipped: ${(error as Error).message}\n`)
    return undefined
  }
}

/** @param offset such as `+90s` */
export const clockOff = (library: string, offset: string): Settings => ({
  LD_PRELOAD: library,
  FAKETIME: offset,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
})

export interface SettableClock {
  settings: Settings
  /** Sets it, as NTP or a person does: so far from the true time. */
  set(offset: string): void
}

/** A clock that is right, until it is set. */
export function settableClock(library: string, directory: string): SettableClock {
  const file = join(directory, 'clock')
  function set(offset: string): void {
    // At once, or it could be read half written.
    writeFileSync(`${file}.new`, offset)
    renameSync(`${file}.new`, file)
  }
  set('+0')
  return {
    settings: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  }
}
