/** Starts, finds and stops the server of a cluster. The caller must hold its folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../free-port.js'
import type { Account } from './account.js'
import type { Binaries } from './binaries.js'
import { clusterIn } from './home.js'
import { beginServerLog, openServerLog, readComplaints } from './log-file.js'
import { findServerProcesses } from './postgres-processes.js'
import { type PostmasterPid, postmasterPidIn, readPostmasterPid } from './postmaster-pid.js'
import { EmbeddedPostgresError, runOptions } from './run.js'
import { exists } from './whole-directory.js'

export interface Place {
  home: string
  binaries: Binaries
  account: Account | undefined
  settings: Record<string, string>
}

const START_TIMEOUT_MS = 300_000 // After a crash the server replays its log first.
const STOP_TIMEOUT_MS = 60_000
const START_ATTEMPTS = 4
const POLL_MS = 50

/** @returns the port of the server, and whether it was already running */
export async function startOrFindServer(
  place: Place,
  signal?: AbortSignal,
): Promise<{ port: number; adopted: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const running = await findReadyServer(place, signal)
    if (running) return { port: running.port, adopted: true }
    if (attempt === 1) await beginServerLog(place.home)
    const port = await findFreePort()
    try {
      await startServer(place, port, signal)
      return { port, adopted: false }
    } catch (error) {
      signal?.throwIfAborted()
      // Tried again, because another program may have taken the port in between.
      if (attempt === START_ATTEMPTS) throw error
      await sleep(250 * attempt)
    }
  }
}

/**
 * Resolves once it takes connections. The server is a process of its own, which outlives this one.
 *
 * @throws EmbeddedPostgresError with what the server complained of
 */
export async function startServer(place: Place, port: number, signal?: AbortSignal): Promise<void> {
  const cluster = clusterIn(place.home)
  if (!(await exists(cluster))) throw new EmbeddedPostgresError(`its data in ${place.home} is gone.`)
  const settings = Object.entries({ ...place.settings, port: String(port) })
  const args = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log = await openServerLog(place.home)
  const logBeginsAt = (await log.stat()).size
  let child: ChildProcess
  try {
    child = spawn(place.binaries.postgres, ['-D', cluster, ...args], {
      ...runOptions(place.account),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    await once(child, 'spawn')
  } finally {
    await log.close()
  }
  child.unref()
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  try {
    await untilReady(async () => {
      if (hasEnded()) return undefined
      const file = await readPostmasterPid(cluster)
      return file?.pid === child.pid ? file : 'not yet'
    }, signal)
  } catch (error) {
    if (!hasEnded()) await end(child)
    throw error
  }
  if (hasEnded()) throw new EmbeddedPostgresError(await readComplaints(place.home, logBeginsAt))
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(FAST_SHUTDOWN)
  await ended
}

/** Closes connections, rolls back their transactions, and shuts the server down cleanly. */
export async function stopServer({ home }: Place): Promise<void> {
  const cluster = clusterIn(home)
  const running = await findServer(cluster)
  if (!running) return
  kill(running.pid, FAST_SHUTDOWN)
  for (const deadlineMs = Date.now() + STOP_TIMEOUT_MS; Date.now() < deadlineMs; await sleep(POLL_MS)) {
    if ((await findServer(cluster))?.pid !== running.pid) return
  }
  throw new EmbeddedPostgresError(`its server (pid ${running.pid}) does not stop.`)
}

// https://www.postgresql.org/docs/18/server-shutdown.html
const FAST_SHUTDOWN = 'SIGINT'

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function findReadyServer({ home }: Place, signal?: AbortSignal): Promise<PostmasterPid | undefined> {
  return untilReady(() => findServer(clusterIn(home)), signal)
}

/** @returns the server once it is ready, or undefined once there is none */
async function untilReady(
  find: () => Promise<PostmasterPid | 'not yet' | undefined>,
  signal?: AbortSignal,
): Promise<PostmasterPid | undefined> {
  for (const deadlineMs = Date.now() + START_TIMEOUT_MS; Date.now() < deadlineMs; await sleep(POLL_MS)) {
    signal?.throwIfAborted()
    const found = await find()
    if (found === undefined) return undefined
    if (found !== 'not yet' && found.isReady) return found
  }
  throw new EmbeddedPostgresError(`it was not ready within ${START_TIMEOUT_MS / 1000} seconds.`)
}

/** The remaining processes of a server whose postmaster was killed end by themselves, unless they are busy. */
const LEFTOVERS_TIMEOUT_MS = 3000

/**
 * Finds the running server of a cluster, and clears away the remains of a dead one: its processes, because they would
 * hold the shared memory, and its `postmaster.pid`, because PostgreSQL refuses to start when this file is empty or its
 * number now belongs to another process.
 */
export async function findServer(cluster: string): Promise<PostmasterPid | undefined> {
  for (const deadlineMs = Date.now() + LEFTOVERS_TIMEOUT_MS; ; await sleep(POLL_MS)) {
    const file = await readPostmasterPid(cluster)
    const processes = await findServerProcesses(cluster)
    const isRunning = file !== undefined && processes.includes(file.pid)
    if (isRunning && !file.isSingleUser) return file
    if (processes.length === 0) {
      await rm(postmasterPidIn(cluster), { force: true })
      return undefined
    }
    if (Date.now() < deadlineMs) continue
    if (isRunning) throw new EmbeddedPostgresError(`pid ${file.pid} works on its data in single-user mode.`)
    // They have no postmaster any more. Uncommitted work is rolled back.
    for (const pid of processes) kill(pid, 'SIGKILL')
  }
}
