/** Debian's tinyproxy as a child of this process: an outgoing proxy that nobody wrote for these tests. */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findFreePort } from '../../src/platform/free-port.js'
import { endProcess } from './child-process.js'
import { requireProgram } from './machine-program.js'

export interface Tinyproxy extends AsyncDisposable {
  url: string
  port: number
}

/** @param settings lines of its configuration: `ConnectPort 443` */
export async function startTinyproxy(directory: string, settings: string[] = []): Promise<Tinyproxy> {
  const program = requireProgram({
    find: () => ['tinyproxy'].find((name) => spawnSync(name, ['-v']).status === 0),
    debianPackage: 'tinyproxy-bin',
    lack: 'The tests need tinyproxy. Install it',
  })
  const port = await findFreePort()
  const file = join(directory, `tinyproxy-${port}.conf`)
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 60', 'MaxClients 50', 'Allow 127.0.0.1']
  writeFileSync(file, [...lines, ...settings, ''].join('\n'))
  const child = spawn(program, ['-d', '-c', file], { stdio: 'ignore' })
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`tinyproxy ended with ${child.exitCode}`)
    await pause(20)
  }
  return {
    ...{ port, url: `http://127.0.0.1:${port}` },
    [Symbol.asyncDispose]: () => endProcess(child, 'SIGTERM'),
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
