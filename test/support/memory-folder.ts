/**
 * Where the tests of a run keep the files of their servers: in memory, where the machine has room. Each test has a
 * database of 450 files, and ext4 takes ever longer to make a file while there are many that were deleted a moment
 * ago: that was two fifths of all time that PostgreSQL took. No test pulls the plug of the machine.
 */
import { existsSync, readFileSync, statfsSync } from 'node:fs'

const FOLDER = '/dev/shm'
/** A run takes less than 2 GiB. */
const ROOM_BYTES = 4 * 2 ** 30

/** Undefined where there is none, where it has too little room, and where no program may run from it, as in Docker. */
export function findMemoryFolder(): string | undefined {
  if (!existsSync(FOLDER) || !existsSync('/proc/mounts')) return undefined
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  const options = mounts.map((line) => line.split(' ')).findLast(([, folder]) => folder === FOLDER)?.[3]
  if (options === undefined || options.split(',').includes('noexec')) return undefined
  const { bavail, bsize } = statfsSync(FOLDER)
  return bavail * bsize >= ROOM_BYTES ? FOLDER : undefined
}
