/** Closes the listener of an HTTP server, in the only process of a service or in one of several. */
import cluster from 'node:cluster'
import { Server } from 'node:net'
import { CLOSE_LISTENER_MS } from '../budgets.js'
import { requestListenerClose } from './cluster-listener.js'
import { emptyQueue, handleOf } from './listener-queue.js'

/** Resolves once no connection can be made any more. Open connections stay open, idle ones too. */
export async function closeListener(server: Server): Promise<void> {
  // The primary process has the listener of all the others.
  const own = cluster.isWorker
    ? await requestListenerClose()
    : await emptyQueue(handleOf(server), server.address(), CLOSE_LISTENER_MS)
  // `http.Server` has its own `close`, which also closes idle connections.
  Server.prototype.close.call(server)
  own?.destroy()
}
