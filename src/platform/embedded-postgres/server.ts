/** Starting, finding and stopping the server of a cluster. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../free-port.js'
import { type Account, giveTo } from './account.js'
import type { Binaries } from './binaries.js'
import { clusterIn, logFileIn } from './home.js'
import { EmbeddedPostgresError, run } from './run.js'

export interface Place {
  home: string
  binaries: Binaries
  account: Account | undefined
}

const SECONDS_TO_START = 300 // After a crash the server replays its log first.
const START_ATTEMPTS = 4

/** @returns the port of the server that runs now, and whether it ran already */
export async function startOrFindServer(
  place: Place,
  settings: Record<string, string>,
): Promise<{ port: number; adopted: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const runningPort = await findServer(place)
    if (runningPort !== undefined) return { port: runningPort, adopted: true }
    const port = await findFreePort()
    try {
      await startServer(place, { ...settings, port: String(port) })
      return { port, adopted: false }
    } catch (error) {
      // Tried again, because somebody may have taken the port, another process may be starting the same server,
      // or processes of a server that was killed may not be gone yet.
      if (attempt === START_ATTEMPTS) throw await withServerLog(error, place)
      await sleep(250 * attempt)
    }
  }
}

async function startServer(
  { home, binaries, account }: Place,
  settings: Record<string, string>,
): Promise<void> {
  const logFile = logFileIn(home)
  await rename(logFile, `${logFile}.old`).catch(() => {})
  await writeFile(logFile, '', { mode: 0o600 })
  await giveTo(account, logFile)
  const options = Object.entries(settings).map(([name, value]) => `-c ${shellQuote(`${name}=${value}`)}`)
  const how = [
    '--wait',
    `--timeout=${SECONDS_TO_START}`,
    `--log=${logFile}`,
    `--options=${options.join(' ')}`,
  ]
  await run(binaries.pgCtl, ['start', `--pgdata=${clusterIn(home)}`, ...how], account)
}

/** Connections are closed, what runs in them is rolled back, and the data is left in order. */
export async function stopServer(place: Place): Promise<void> {
  if ((await findServer(place)) === undefined) return
  const { home, binaries, account } = place
  await run(binaries.pgCtl, ['stop', `--pgdata=${clusterIn(home)}`, '--mode=fast', '--wait'], account)
}

/**
 * A server that is killed leaves its `postmaster.pid`, and the number in it may since have gone to another
 * process. PostgreSQL would then refuse to start, so whose process it is gets checked, and such a file removed.
 */
async function findServer({ home }: Place): Promise<number | undefined> {
  const file = join(clusterIn(home), 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new EmbeddedPostgresError(`its data in ${home} belongs to another user.`, error)
  })
  // https://www.postgresql.org/docs/current/storage-file-layout.html
  const [pid, dataDirectory, , port] = text.split('\n')
  if (!pid || !dataDirectory || !port) return undefined
  const command = await readCommandLine(pid)
  if (command?.includes(dataDirectory)) return Number(port)
  if (command !== undefined) await rm(file, { force: true })
  return undefined
}

/** @returns undefined when there is no such process */
async function readCommandLine(pid: string): Promise<string | undefined> {
  const reading =
    process.platform === 'linux'
      ? readFile(`/proc/${pid}/cmdline`, 'utf8')
      : run('/bin/ps', ['-p', pid, '-o', 'args='], undefined)
  return reading.catch(() => undefined)
}

async function withServerLog(error: unknown, { home }: Place): Promise<Error> {
  const text = await readFile(logFileIn(home), 'utf8').catch(() => '')
  return text
    ? new EmbeddedPostgresError(`it did not start.\n${text.slice(-2000).trim()}`, error)
    : (error as Error)
}

const shellQuote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
