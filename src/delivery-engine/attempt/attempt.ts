/** One attempt of a delivery, from its lease to its record. */
import { setTimeout as pause } from 'node:timers/promises'
import { expireDelivery } from '../../deliveries/expire.js'
import { type RetryPolicy, retryPolicyOf } from '../../model/delivery-policy.js'
import { dispatchableAtMs } from '../../model/event-snapshot.js'
import type { Clock } from '../../platform/clock.js'
import type { Database } from '../../platform/postgres/database.js'
import { isDatabaseAway } from '../../platform/postgres/database-errors.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { Lease } from '../scheduling/lease.js'
import { giveBackLeases } from '../scheduling/scheduler.js'
import type { WriteColumns } from './attempt-columns.js'
import type { LoadedDelivery, Loader } from './loader.js'
import { decideOutcome } from './outcome.js'
import type { AttemptResult, Recorded, Recorder } from './recorder.js'
import type { Exchange, Sender } from './sender.js'

export interface AttemptOptions {
  database: Database
  loader: Loader
  sender: Sender
  recorder: Recorder
  /** For subscriptions without one of their own. */
  policy: RetryPolicy
  writeColumns: WriteColumns
  serviceEvents: ServiceEvents
  clock: Clock
  /** Called when a delivery has FAILED, or an endpoint is paused, with the time until the next attempt or probe. */
  onRetryIn(delayMs: number): void
  /**
   * Called when an attempt of a subscription was recorded that has `maxInFlight`, recovers or is ordered: another
   * delivery of it has room, or its turn.
   */
  onRoom(subscriptionId: string): void
  /** Aborted when requests in flight are cut off: how they end then says nothing about their endpoints. */
  cutOff: AbortSignal
}

/** Between two tries to record an attempt while the database is away. */
const RECORD_AGAIN_MS = 500

/**
 * Makes an attempt, and resolves when it is recorded. `onExchangeEnded` is called before that, when the endpoint has
 * answered or failed to.
 */
export type Attempt = (lease: Lease, onExchangeEnded: (isAnswered: boolean) => void) => Promise<void>

export function createAttempt(options: AttemptOptions): Attempt {
  const {
    database,
    loader,
    sender,
    recorder,
    policy,
    writeColumns,
    serviceEvents,
    clock,
    onRetryIn,
    onRoom,
    cutOff,
  } = options

  return async function attempt(lease, onExchangeEnded) {
    const delivery = await load(lease)
    if (delivery === undefined) return
    if (delivery.isExpired) return expire(lease)
    if (!delivery.isEnabled || delivery.isHeldUp) return giveBackLeases(database, [lease])
    const exchange = await sender.send(delivery.webhook)
    onExchangeEnded(exchange.statusCode !== null)
    if (cutOff.aborted) return
    await recordExchange(lease, delivery, exchange)
    if (lease.isOrdered || delivery.webhook.policy?.maxInFlight != null) onRoom(lease.subscriptionId)
  }

  /** Another lease of it would find the same, so nothing depends on both being done at once. */
  async function expire(lease: Lease): Promise<void> {
    await giveBackLeases(database, [lease])
    await expireDelivery({ database, serviceEvents }, lease.deliveryId)
    if (lease.isOrdered) onRoom(lease.subscriptionId)
  }

  /** Loads again when the worker renewed the lease meanwhile, because the first query used the old token. */
  async function load(lease: Lease): Promise<LoadedDelivery | undefined> {
    for (;;) {
      const token = lease.queuedUntil
      const delivery = await loader.load(lease)
      if (delivery !== undefined || lease.queuedUntil === token) return delivery
    }
  }

  async function recordExchange(lease: Lease, delivery: LoadedDelivery, exchange: Exchange): Promise<void> {
    const result = toResult(lease, delivery, exchange, { policy, writeColumns, now: clock.now() })
    const recorded = await recordWhenDatabaseIsBack(result)
    if (recorded !== undefined) return announce(lease, delivery, result, recorded)
    // Nothing was recorded. If that is because a user asked for a retry meanwhile, the result counts in the new budget.
    const current = await loader.load(lease)
    if (current === undefined || current.attempts !== delivery.attempts) return
    if (current.budgetFrom === delivery.budgetFrom) return
    // The subscription may have been changed meanwhile, but the answer is of the version that was called.
    const { endpointVersion } = delivery
    await recordExchange(lease, { ...current, endpointVersion }, exchange)
  }

  /** The request was made, so its result is worth waiting for the database. */
  async function recordWhenDatabaseIsBack(result: AttemptResult): Promise<Recorded | undefined> {
    for (;;) {
      try {
        return await recorder.record(result)
      } catch (error) {
        if (!isDatabaseAway(error) || cutOff.aborted) throw error
        serviceEvents.emit('failed', { where: 'recording an attempt', error })
        await pause(RECORD_AGAIN_MS)
      }
    }
  }

  function followBreaker(subscriptionId: string, { status, endpoint }: Recorded): void {
    if (endpoint === undefined) return
    if (endpoint.isProbe) serviceEvents.emit('probed', { isSent: status === 'SENT' })
    if (endpoint.probeInMs === null) onRoom(subscriptionId)
    else onRetryIn(endpoint.probeInMs)
  }

  function sinceAcceptedMs({ subject: { eventId, event } }: LoadedDelivery): number {
    return Math.max(0, clock.nowMs() - dispatchableAtMs({ id: eventId, deliverAt: event.deliverAt }))
  }

  function announce(lease: Lease, delivery: LoadedDelivery, result: AttemptResult, recorded: Recorded): void {
    const { eventId, event } = delivery.subject
    if (result.outcome.delayMs !== null) onRetryIn(result.outcome.delayMs)
    followBreaker(lease.subscriptionId, recorded)
    serviceEvents.emit('attemptRecorded', {
      deliveryId: lease.deliveryId,
      eventId,
      subscriptionId: lease.subscriptionId,
      eventType: event.type,
      attempt: result.attempt,
      status: recorded.status,
      statusCode: result.statusCode,
      error: result.outcome.error,
      responseTimeMs: result.responseTimeMs,
      nextRunAt: recorded.nextRunAt,
      sinceAcceptedMs: sinceAcceptedMs(delivery),
    })
  }
}

function toResult(
  lease: Lease,
  delivery: LoadedDelivery,
  exchange: Exchange,
  { policy, writeColumns, now }: Pick<AttemptOptions, 'policy' | 'writeColumns'> & { now: Date },
): AttemptResult {
  const attempt = delivery.attempts + 1
  const ownPolicy = retryPolicyOf(delivery.webhook.policy?.retryPolicy, policy)
  const { deliveryId } = lease
  const { trace } = exchange
  const outcome = decideOutcome(exchange, attempt - delivery.budgetFrom, ownPolicy, now)
  return {
    deliveryId,
    subject: delivery.subject,
    endpointVersion: delivery.endpointVersion,
    attempt,
    budgetFrom: delivery.budgetFrom,
    outcome,
    statusCode: exchange.statusCode,
    responseTimeMs: exchange.responseTimeMs,
    columns: writeColumns({ deliveryId, attempt, isFailed: outcome.status !== 'SENT', trace }),
  }
}
