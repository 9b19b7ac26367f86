/** PgBouncer before the tests' PostgreSQL, with the settings that it comes with but for its mode. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findFreePort } from '../../src/platform/free-port.js'
import { endProcess } from './child-process.js'
import { requireProgram } from './machine-program.js'

export interface PgBouncer extends AsyncDisposable {
  /** The same database, through it. */
  urlOf(databaseUrl: string): string
}

const programs = ['pgbouncer', '/usr/sbin/pgbouncer']

export const requirePgBouncer = (): string =>
  requireProgram({
    find: () => programs.find((program) => spawnSync(program, ['--version']).status === 0),
    debianPackage: 'pgbouncer',
    lack: 'The tests need PgBouncer. Install it',
  })

export async function startPgBouncer(serverUrl: string, mode: 'session' | 'transaction'): Promise<PgBouncer> {
  const program = requirePgBouncer()
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-pgbouncer-'))
  chmodSync(directory, 0o755)
  const port = await findFreePort()
  const file = join(directory, 'pgbouncer.ini')
  const { hostname, port: serverPort, username, password } = new URL(serverUrl)
  const settings = [
    '[databases]',
    `* = host=${hostname} port=${serverPort} user=${username} password=${decodeURIComponent(password)}`,
    '[pgbouncer]',
    ...['listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir ='],
    ...['auth_type = any', `pool_mode = ${mode}`],
  ]
  writeFileSync(file, `${settings.join('\n')}\n`)
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0
  const child = spawn(program, [...(isRoot ? ['-u', 'nobody'] : []), file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await untilListening(child, port)
  return {
    urlOf(databaseUrl) {
      const url = new URL(databaseUrl)
      url.port = String(port)
      return url.href
    },
    async [Symbol.asyncDispose]() {
      await endProcess(child, 'SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  let said = ''
  child.stderr?.on('data', (data) => {
    said += data
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error(`PgBouncer ended:\n${said}`)
  })
  ended.catch(() => {})
  const listening = (async () => {
    while (!(await accepts(port))) await pause(20)
  })()
  await Promise.race([listening, ended])
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
