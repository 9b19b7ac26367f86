/**
 * Ports for servers that are killed and come back on the same one. They lie below those that the system hands
 * out by itself, so that no outgoing connection can take one while its server is down.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 15_000
const LAST = 32_000

const given = new Set<number>()

/** A port of 127.0.0.1 on which nobody listens, and that is not handed out twice. */
export async function findSteadyPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
