/** Names of endpoints, from a name server that can fail, and that only the processes of the service ask. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NameServerAnswer, startNameServer } from '../support/name-server.js'

export interface Names extends AsyncDisposable {
  /** Goes before a program and its arguments. */
  command: string[]
  hostOf(endpoint: string): string
  /** Each question gets this answer, until `recover`. */
  fail(answer: NameServerAnswer): void
  recover(): void
}

const DOMAIN = 'faults.test'
/** Short, so that a failing name server is asked during the fault. */
const TTL_SECONDS = 1

/** A mount namespace of its own, in which /etc/resolv.conf is the given file. */
const inNamespace = (resolvConf: string): string[] => [
  ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolvConf],
]

/** @param directory where the processes may read */
export async function createNames(directory: string): Promise<Names> {
  let failure: NameServerAnswer | undefined
  const known = (type: string): NameServerAnswer => ({
    addresses: type === 'A' ? ['127.0.0.1'] : [],
    ttl: TTL_SECONDS,
  })
  const server = await startOnFreeAddress((_name, type) => failure ?? known(type))
  const resolvConf = join(directory, 'resolv.conf')
  writeFileSync(resolvConf, `nameserver ${server.address.replace(/:53$/, '')}\n`)
  return {
    command: inNamespace(resolvConf),
    hostOf: (endpoint) => `${endpoint}.${DOMAIN}`,
    fail(answer) {
      failure = answer
    },
    recover() {
      failure = undefined
    },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  }
}

/** resolv.conf names no port, so each run has an address of loopback for itself. */
async function startOnFreeAddress(answer: Parameters<typeof startNameServer>[0]) {
  for (let last = 2; last < 255; last++) {
    try {
      return await startNameServer(answer, { address: `127.0.0.${last}`, port: 53 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
  throw new Error('Every address of 127.0.0.0/24 has a name server')
}

export function canHaveNames(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-names-'))
  const resolvConf = join(directory, 'resolv.conf')
  writeFileSync(resolvConf, '')
  const [program = '', ...args] = [...inNamespace(resolvConf), 'true']
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
