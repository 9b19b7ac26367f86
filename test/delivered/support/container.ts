/**
 * A container without Docker: a process in a root folder, a network namespace and an account of its own, with what
 * an image and a compose file say. What it sees of this machine, it can only read.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { endProcess } from '../../support/child-process.js'

export interface ContainerOptions {
  name: string
  command: string[]
  environment: Record<string, string>
  user: { uid: number; gid: number }
  workingDirectory: string
  /** Of the network; see `createNetworks`. */
  namespace: string
  /** A file to be `/etc/hosts`. */
  hostsFile: string
  /** Folders and files of this machine, at paths in the container. */
  mounts: { from: string; to: string; isReadOnly: boolean }[]
  /** Folders in memory that may be written. */
  tmpfs: string[]
  isReadOnly: boolean
  stopGraceMs: number
}

export interface Container extends AsyncDisposable {
  name: string
  /** What it has printed, line by line. */
  output: string[]
  /** Its exit code, or the signal that ended it, once it has ended. */
  ended: Promise<number | NodeJS.Signals>
  /** Runs a command in it, as `docker exec` does. */
  exec(
    command: string[],
    environment?: Record<string, string>,
  ): Promise<{ code: number | null; output: string }>
  /** SIGTERM, and SIGKILL when the grace is over. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

/** Every command replaces the one before it, so the process that we know is the one that ends up running. */
const setUp = (options: ContainerOptions) => `
set -e
root=$(mktemp --directory)
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir usr etc proc dev tmp
chmod 1777 tmp
for name in bin sbin lib lib64; do ln -s usr/$name $name; done
for name in usr etc; do mount --bind /$name $name; mount -o remount,bind,ro $name; done
mount --rbind /proc proc
mount --rbind /dev dev
mount --bind ${options.hostsFile} etc/hosts
${options.mounts.map(mount).join('\n')}
${options.tmpfs.map((path) => `mkdir -p .${path}; mount -t tmpfs -o mode=1777 tmpfs .${path}`).join('\n')}
mkdir -p .${options.workingDirectory}
${options.isReadOnly ? 'mount -o remount,ro "$root"' : ''}
exec chroot . ${drop(options.user).join(' ')} sh -c 'cd ${options.workingDirectory} && exec "$@"' sh "$@"
`

const mount = ({ from, to, isReadOnly }: ContainerOptions['mounts'][number]) => `
if [ -d ${from} ]; then mkdir -p .${to}; else mkdir -p $(dirname .${to}); touch .${to}; fi
mount --bind ${from} .${to}
${isReadOnly ? `mount -o remount,bind,ro .${to}` : ''}`

/** `user`, `cap_drop: [ALL]` and `no-new-privileges`. */
const drop = ({ uid, gid }: ContainerOptions['user']) => [
  ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
  ...['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all'],
]

export function startContainer(options: ContainerOptions): Container {
  const env = { PATH: '/opt/node/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...options.environment }
  const program = ['netns', 'exec', options.namespace, 'unshare', '--mount', 'sh', '-c', setUp(options), 'sh']
  const child = spawn('ip', [...program, ...options.command], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = collect(child)
  const ended = once(child, 'close').then(() => child.exitCode ?? (child.signalCode as NodeJS.Signals))

  async function exec(command: string[], environment: Record<string, string> = {}) {
    const spaces = [`--target=${child.pid}`, '--mount', '--net', '--root', '--wd']
    const running = spawn('nsenter', [...spaces, ...drop(options.user), ...command], {
      env: { ...env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const lines = collect(running)
    const [code] = (await once(running, 'close')) as [number | null]
    return { code, output: lines.join('\n') }
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM') {
    const kill = setTimeout(() => child.kill('SIGKILL'), options.stopGraceMs)
    await endProcess(child, signal)
    clearTimeout(kill)
    return ended
  }
  return {
    name: options.name,
    output,
    ended,
    exec,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

function collect({ stdout, stderr }: ChildProcess): string[] {
  const lines: string[] = []
  for (const stream of [stdout, stderr]) {
    createInterface(stream as NodeJS.ReadableStream).on('line', (line) => lines.push(line))
  }
  return lines
}
