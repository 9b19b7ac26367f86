/** The file that a running server keeps in its cluster. https://www.postgresql.org/docs/18/storage-file-layout.html */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface PostmasterPid {
  pid: number
  port: number
  /** The server runs in single-user mode (`postgres --single`), which takes no connections. */
  isSingleUser: boolean
  /** The server takes connections, or refuses them with a reason. */
  isReady: boolean
}

export const postmasterPidIn = (cluster: string): string => join(cluster, 'postmaster.pid')

/** @returns undefined when the file is missing or incomplete, as after a full disk or a crash */
export async function readPostmasterPid(cluster: string): Promise<PostmasterPid | undefined> {
  const text = await readFile(postmasterPidIn(cluster), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  if (!pid || !port) return undefined
  return { pid: Math.abs(pid), port, isSingleUser: pid < 0, isReady: lines[7]?.trim() === 'ready' }
}
