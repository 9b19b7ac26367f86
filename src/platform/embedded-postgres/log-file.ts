/** The server's log: `server.log` of this run, `server.log.old` of the one before. */
import { constants } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { logFileIn } from './home.js'
import { EmbeddedPostgresError } from './run.js'

/** Moves the former log aside, also if it is a folder, a link, or another user's file. */
export async function beginServerLog(home: string): Promise<void> {
  const file = logFileIn(home)
  await rm(`${file}.old`, { recursive: true, force: true }).catch(() => {})
  await rename(file, `${file}.old`).catch(() => {})
}

/** PostgreSQL gets it opened, so its user needs no right to write in the folder, which is root's where that runs it. */
export async function openServerLog(home: string): Promise<FileHandle> {
  const file = logFileIn(home)
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  try {
    return await open(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  } catch (error) {
    const { message } = error as Error
    throw new EmbeddedPostgresError(`its log can't be written: ${message}. Move ${file} away.`, error)
  }
}

/** The messages of a server after a failed start. @param position the start of its log, in bytes */
export async function readComplaints(home: string, position: number): Promise<string> {
  const file = logFileIn(home)
  const text = (await readFile(file)).subarray(position).toString()
  const complaints = text
    .split('\n')
    .flatMap((line) => /(?:FATAL|PANIC|DETAIL|HINT|postgres): +(.*)/.exec(line)?.[1] ?? [])
  const said = complaints.slice(0, 4).join(' ') || text.trim().slice(-500) || 'it said nothing.'
  return `it did not start: ${said} (More in ${file}.)`
}
