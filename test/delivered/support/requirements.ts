/** What running containers by hand takes: root, namespaces, and programs of Debian. */
import { spawnSync } from 'node:child_process'
import { provideDebianPostgres } from '../../matrix/setup/programs.js'
import { requireProgram } from '../../support/machine-program.js'
import { requireRedisProgram } from '../../support/redis-server.js'

const inNetwork = ['unshare', '--net', 'ip', 'link']

/** What a machine may forbid even to root, each in its smallest form; nothing of it stays. */
const trials: [what: string, command: string[]][] = [
  ['network namespaces', [...inNetwork, 'set', 'lo', 'up']],
  ['bridges', [...inNetwork, 'add', 'try0', 'type', 'bridge']],
  ['virtual Ethernet', [...inNetwork, 'add', 'try0', 'type', 'veth', 'peer', 'name', 'try1']],
  ['mounts', ['unshare', '--mount', 'sh', '-c', 'mount --make-rprivate / && mount -t tmpfs tmpfs /mnt']],
  ['named network namespaces', ['sh', '-c', 'ip netns add nes-try-$$ && ip netns delete nes-try-$$']],
]

/** @returns a sentence that says why this machine can't run containers, if it can't */
export function findLack(): string | undefined {
  if (process.platform !== 'linux') return 'Containers without Docker need Linux'
  if (process.getuid?.() !== 0) return 'Containers without Docker need root: sudo npm run test:image'
  try {
    provideDebianPostgres()
    requireRedisProgram()
    requireProgram({
      find: () => (spawnSync('ip', ['-V']).status === 0 ? 'ip' : undefined),
      debianPackage: 'iproute2',
      lack: 'Networks of containers need the program ip. Install it',
    })
  } catch (error) {
    return (error as Error).message
  }
  // Of util-linux, which every Debian has.
  for (const program of ['unshare', 'nsenter', 'setpriv']) {
    if (spawnSync(program, ['--version']).status !== 0) return `Containers without Docker need ${program}`
  }
  for (const [what, [program = '', ...args]] of trials) {
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    if (status !== 0)
      return `Containers without Docker need ${what}, which this machine refuses: ${stderr.trim()}`
  }
  return undefined
}
