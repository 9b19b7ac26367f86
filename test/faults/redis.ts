/** A Redis that is there to be broken: a child of this process, with an append-only file, on a port that stays. */
import { rm } from 'node:fs/promises'
import { requireRedisProgram, startRedisServer } from '../support/redis-server.js'
import { findSteadyPort } from './steady-port.js'

export interface BreakableRedis extends AsyncDisposable {
  url: string
  /** `kill -9`. */
  kill(): Promise<void>
  /** Removes all that it had written down; to be called while it is dead. */
  loseData(): Promise<void>
  /** Resolves once it answers. */
  start(): Promise<void>
  /** `FLUSHALL`. */
  flush(): Promise<void>
  pause(): void
  resume(): void
}

export async function startBreakableRedis(directory: string): Promise<BreakableRedis> {
  const port = await findSteadyPort()
  const server = await startRedisServer({
    ...{ program: requireRedisProgram(), port, directory },
    isDurable: true,
  })
  return {
    url: server.url,
    kill: server.kill,
    loseData: () => rm(directory, { recursive: true, force: true }),
    start: server.start,
    async flush() {
      await server.client.flushall()
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  }
}
