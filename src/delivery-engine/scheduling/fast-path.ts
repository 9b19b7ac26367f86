/**
 * The fast path: in a process that both accepts and delivers, a delivery goes from its commit to the worker without
 * outbox, queue and loader, because this process has in memory what the first attempt needs. A lone event then takes
 * two statements: one accepts it, the other records its attempt.
 */
import type { FastPath } from '../../events/publish.js'
import { createEventLoopLoad } from '../../platform/event-loop-load.js'
import type { PreparedDeliveries } from '../attempt/prepared-deliveries.js'
import type { Worker } from '../worker.js'
import { firstAttempts } from './first-attempts.js'

export interface FastPathOptions {
  preparedDeliveries: PreparedDeliveries
  worker: Pick<Worker, 'waiting' | 'saturated' | 'take'>
  /** Aborted when the engine stops: from then on nothing takes the fast path. */
  stopRequest: AbortSignal
  /** Called when deliveries of these subscriptions stay in the table, because they were not leased. */
  onBacklog(subscriptionIds: Iterable<string>): void
}

/**
 * While the processor is the bottleneck, each accepted event delays the delivery of earlier ones. Commits then rest,
 * longer the more deliveries wait, so that each commit carries more events and costs less for each.
 */
const MAX_REST_MS = 25
const REST_PER_WAITING_MS = 1 / 20

export function createFastPath(options: FastPathOptions): FastPath {
  const { preparedDeliveries, worker, stopRequest, onBacklog } = options
  const isBusy = createEventLoopLoad()
  return {
    announcesDeliveries: false,
    quota: undefined,
    saturated: () => (stopRequest.aborted || preparedDeliveries.isFull() ? undefined : worker.saturated()),
    restMs: () => (isBusy() ? Math.min(MAX_REST_MS, worker.waiting * REST_PER_WAITING_MS) : 0),
    take(candidates, accepted) {
      const { prepared, backlogged } = firstAttempts(candidates, accepted)
      preparedDeliveries.add(
        prepared.map(({ delivery }) => delivery),
        accepted.at,
      )
      worker.take(prepared.map(({ lease }) => lease))
      if (backlogged.size > 0) onBacklog(backlogged)
    },
  }
}
