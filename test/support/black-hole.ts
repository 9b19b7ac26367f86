/**
 * An address that swallows connections, as a network does that has no way there: a listener that is stopped, with its
 * queue full, so that the kernel drops each further SYN. Let go, it is an HTTP server that was only slow.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { endProcess } from './child-process.js'

export interface BlackHole extends AsyncDisposable {
  port: number
  /** From now on connections are taken, also those that were begun, and answered with 200. */
  letGo(): void
}

const QUEUE = 1
const program = `
  const server = require('node:http').createServer((_, response) => response.end())
  server.listen(0, process.argv[1], ${QUEUE}, () => console.log(server.address().port))`

export async function startBlackHole(address: string): Promise<BlackHole> {
  const child = spawn(process.execPath, ['-e', program, address], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  child.kill('SIGSTOP')
  const filling = Array.from({ length: QUEUE + 4 }, () => connect(port, address).on('error', () => {}))
  await Promise.all(filling.slice(0, QUEUE + 1).map((socket) => once(socket, 'connect')))
  return {
    port,
    letGo() {
      for (const socket of filling) socket.destroy()
      child.kill('SIGCONT')
    },
    async [Symbol.asyncDispose]() {
      for (const socket of filling) socket.destroy()
      await endProcess(child, 'SIGKILL')
    },
  }
}
