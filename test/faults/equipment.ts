/** What some faults need beside the service and its servers, and whether this machine has it. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { provideFaketime, type SettableClock, settableClock } from '../support/faketime.js'
import { startProxy, type TcpProxy } from '../support/proxy.js'
import type { Settings } from '../support/service.js'
import { canHaveNames } from './names.js'
import { findSteadyPort } from './steady-port.js'

export type Need = 'networks' | 'clocks' | 'small disk' | 'names'

/** Why it can not be had; undefined where it can. */
export function lack(need: Need): string | undefined {
  if (need === 'clocks') return provideFaketime() === undefined ? 'libfaketime is not installed' : undefined
  if (need === 'small disk') return canMount() ? undefined : 'only root can mount a small disk'
  if (need === 'names')
    return canHaveNames() ? undefined : 'only root can give processes a name server of their own'
  return undefined
}

/** Between one process of the service and one of its servers. */
export interface Network {
  name: string
  server: 'PostgreSQL' | 'Redis'
  proxy: TcpProxy
}

export async function createNetwork(
  process: string,
  server: Network['server'],
  url: string,
): Promise<Network> {
  const proxy = await startProxy(url, { port: await findSteadyPort() })
  return { name: `${process} to ${server}`, server, proxy }
}

export interface Clock extends SettableClock {
  /** Whose it is. */
  name: string
}

/** @returns what adds nothing to an environment, where no fault needs it */
export function createClock(name: string, directory: string, isNeeded: boolean): Clock {
  const library = isNeeded ? provideFaketime() : undefined
  if (library === undefined) return { name, settings: {} as Settings, set: () => {} }
  const folder = join(directory, `clock of ${name}`)
  mkdirSync(folder, { mode: 0o755 })
  return { name, ...settableClock(library, folder) }
}

export interface Disk extends AsyncDisposable {
  directory: string
  /** Until nothing more can be written. */
  fill(): Promise<void>
  /** Takes away what filled it. */
  empty(): void
}

const DISK_BYTES = 2 ** 31
/** What PostgreSQL needs to stay small enough for it, until it is filled. */
export const SMALL_DISK_SETTINGS = { max_wal_size: '256MB' }

const run = promisify(execFile)
const nothing = () => {}

export function mountSmallDisk(directory: string): Disk {
  mkdirSync(directory, { recursive: true })
  mount(directory, DISK_BYTES)
  const filler = join(directory, 'filler')
  return {
    directory,
    // It ends when there is no room left, with what it has written.
    fill: () =>
      run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M'], { encoding: 'buffer' }).then(nothing, nothing),
    empty: () => rmSync(filler, { force: true }),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['--lazy', directory])
    },
  }
}

const mount = (directory: string, bytes: number) =>
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', directory], {
    stdio: 'ignore',
  })

function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-mount-'))
  try {
    mount(directory, 2 ** 20)
    execFileSync('umount', [directory])
    return true
  } catch {
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
