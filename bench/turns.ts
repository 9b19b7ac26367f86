/**
 * Turns: two runs on one machine at the same time would measure each other. Whoever measures holds a name that
 * the system gives to one process at a time, and takes back when that process ends, however it ends.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** An abstract socket, which leaves no file behind; only Linux has them, elsewhere nobody waits. */
const NAME = '\0node-event-service-bench'
const LOOK_EVERY_MS = 200
/** Long enough for somebody who waits to see that it is free. */
const REST_MS = 1000

/** Resolves once no other run is measuring. */
export async function takeTurn(): Promise<AsyncDisposable> {
  if (process.platform !== 'linux') return { async [Symbol.asyncDispose]() {} }
  for (let isTold = false; ; await pause(LOOK_EVERY_MS)) {
    const holder = createServer()
    try {
      await once(holder.listen(NAME), 'listening')
      return {
        async [Symbol.asyncDispose]() {
          holder.close()
          await pause(REST_MS)
        },
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
    if (!isTold) console.error('Another run is measuring; waiting for it …')
    isTold = true
  }
}
