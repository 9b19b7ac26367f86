/**
 * The listener that `cluster` keeps in the primary process, and how a stop closes it. The primary accepts connections
 * and hands each to a worker process. When the last worker closes its side, `cluster` drops the connections that are
 * not handed over yet. So the primary first stops listening and hands over all that it has accepted; only then do the
 * workers close their side. Measured with 30 clients and two processes: 10 resets in each stop without this.
 *
 * `cluster` has no public access to its listener. It is found by a server that `cluster` makes for a moment. In a
 * release of Node.js that does otherwise, nothing is found, and the workers close their side at once.
 */
import cluster from 'node:cluster'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { CLOSE_LISTENER_MS } from '../budgets.js'
import { emptyQueue, handleOf, type ListenAddress, type TcpHandle } from './listener-queue.js'
import { withTimeout } from './timeout.js'

const CLOSE_REQUEST = 'node-event-service: close the listener'
const CLOSED = 'node-event-service: the listener is closed'

const LOOK_EVERY_MS = 5

interface Listener {
  handle: TcpHandle
  address: ListenAddress
  /** Accepted connections that no worker has taken over yet. */
  accepted: Set<TcpHandle>
}

/**
 * In the primary, before it starts a worker.
 *
 * @param isStopping a worker that stops alone leaves the listener to the others
 */
export function manageListener(isStopping: () => boolean): void {
  const listeners = watchListeners()
  let closing: Promise<unknown> | undefined
  cluster.on('message', async (worker, message) => {
    if (message !== CLOSE_REQUEST) return
    if (isStopping()) {
      closing ??= Promise.all(listeners.map(close))
      await closing
    }
    if (worker.isConnected()) worker.send(CLOSED)
  })
}

/** The list grows as the workers begin to listen. */
function watchListeners(): Listener[] {
  const listeners: Listener[] = []
  const createServer = net.createServer
  net.createServer = ((...args: Parameters<typeof createServer>) => {
    const server = createServer(...args)
    server.once('listening', () => {
      const handle = handleOf(server)
      const address = server.address()
      // `cluster` sets `onconnection` when it gets the same event.
      if (handle) process.nextTick(() => listeners.push(watch(handle, address)))
    })
    return server
  }) as typeof createServer
  return listeners
}

function watch(handle: TcpHandle, address: ListenAddress): Listener {
  const accepted = new Set<TcpHandle>()
  const distribute = handle.onconnection
  handle.onconnection = (status, connection) => {
    if (connection !== undefined) {
      accepted.add(connection)
      const close = connection.close?.bind(connection)
      // `cluster` closes its handle when a worker has taken the connection over.
      connection.close = (done) => {
        accepted.delete(connection)
        close?.(done)
      }
    }
    distribute?.(status, connection)
  }
  return { handle, address, accepted }
}

async function close({ handle, address, accepted }: Listener): Promise<void> {
  const giveUpAt = performance.now() + CLOSE_LISTENER_MS
  const own = await emptyQueue(handle, address, CLOSE_LISTENER_MS)
  handle.close?.()
  own?.destroy()
  while (accepted.size > 0 && performance.now() < giveUpAt) await pause(LOOK_EVERY_MS)
}

/** In a worker: resolves once the primary hands over no more connections, or does not answer in time. */
export async function requestListenerClose(): Promise<undefined> {
  const closed = new Promise<void>((resolve) => {
    process.on('message', function hear(message) {
      if (message !== CLOSED) return
      process.off('message', hear)
      resolve()
    })
  })
  if (!process.connected) return
  process.send?.(CLOSE_REQUEST)
  await withTimeout(closed, CLOSE_LISTENER_MS, 'The primary process').catch(() => {})
}
