/**
 * Which processes a cluster's server has. Process numbers are given out again, and the file that names one may be old,
 * cut short or copied; so a process counts when it is PostgreSQL's and works in this very folder, as all of a
 * server's do from before they write their file until they end.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { run } from './run.js'

export async function findServerProcesses(cluster: string): Promise<number[]> {
  return process.platform === 'linux' ? readProc(cluster) : askLsof(cluster)
}

async function readProc(cluster: string): Promise<number[]> {
  const folder = await stat(cluster).catch(() => undefined)
  if (!folder) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const isOne = await Promise.all(
    pids.map(async (pid) => {
      try {
        // A zombie works nowhere any more, which is an error here like a process that is gone or another user's.
        const { ino, dev } = await stat(`/proc/${pid}/cwd`)
        return (
          ino === folder.ino && dev === folder.dev && (await readFile(`/proc/${pid}/comm`, 'utf8')) === NAME
        )
      } catch {
        return false
      }
    }),
  )
  return pids.filter((_, index) => isOne[index]).map(Number)
}

const NAME = 'postgres\n'

/** Part of macOS. It fails when there are none. */
async function askLsof(cluster: string): Promise<number[]> {
  const lsof = '/usr/sbin/lsof'
  const output = await run(lsof, ['-t', '-a', '-c', 'postgres', '-d', 'cwd', cluster], undefined).catch(
    () => '',
  )
  return output.split('\n').filter(Boolean).map(Number)
}
