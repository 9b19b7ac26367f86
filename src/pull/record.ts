/**
 * Records what a consumer said of a delivery, or that it said nothing in time: as an attempt like any other, so that
 * statuses, counters, metrics, live updates and operational events are those of every delivery.
 */
import type { WriteColumns } from '../delivery-engine/attempt/attempt-columns.js'
import { newExchangeTrace } from '../delivery-engine/attempt/exchange-trace.js'
import { type AttemptOutcome, decideOutcome } from '../delivery-engine/attempt/outcome.js'
import type { Recorder } from '../delivery-engine/attempt/recorder.js'
import { type OwnRetryPolicy, type RetryPolicy, retryPolicyOf } from '../model/delivery-policy.js'
import { dispatchableAtMs } from '../model/event-snapshot.js'
import type { Clock } from '../platform/clock.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { answersOf, type FeedWakes } from './feed-wakes.js'

/** SQL: the columns of `LeasedDelivery` of the delivery `d`, its event `e` and its subscription `s`. */
export const sqlLeasedDelivery = `
  d.id, d."eventId", d."subscriptionId", d.tenant, d."createdAt" as "deliveryCreatedAt", d.attempts, d."budgetFrom",
  d."orderingHash" is not null as "isInLine", e.type, e.tenant as "eventTenant", e."idempotencyKey", e."orderingKey",
  e."createdAt", e."deliverAt", e."expiresAt", s."retryPolicy",
  least(greatest(extract(epoch from now() - d."nextRunAt") * 1000, 0), 2147483647)::int as "responseTimeMs"`

/** A delivery that a consumer has. */
export interface LeasedDelivery {
  id: string
  eventId: string
  subscriptionId: string
  tenant: string | null
  deliveryCreatedAt: Date
  attempts: number
  budgetFrom: number
  isInLine: boolean
  type: string
  eventTenant: string | null
  idempotencyKey: string | null
  orderingKey: string | null
  createdAt: Date
  deliverAt: Date | null
  expiresAt: Date | null
  retryPolicy: OwnRetryPolicy | null
  /** Since it was taken. */
  responseTimeMs: number
}

export interface PullRecorderOptions {
  recorder: Recorder
  /** For subscriptions without one of their own. */
  policy: RetryPolicy
  writeColumns: WriteColumns
  serviceEvents: ServiceEvents
  clock: Clock
  feedWakes: FeedWakes
  /** Called when a delivery has FAILED: the scheduler then knows when it is due again. */
  onDue(): void
}

/** @param error why the attempt has failed; null when it was acknowledged. @returns whether it was recorded */
export type RecordPull = (delivery: LeasedDelivery, error: string | null) => Promise<boolean>

const SENT: AttemptOutcome = { status: 'SENT', error: null, delayMs: null, isGone: false }

export function createPullRecorder(options: PullRecorderOptions): RecordPull {
  const { recorder, policy, writeColumns, serviceEvents, clock, feedWakes, onDue } = options

  function outcomeOf({ attempts, budgetFrom, retryPolicy }: LeasedDelivery, error: string | null) {
    if (error === null) return SENT
    const exchange = { statusCode: null, error, retryAfter: undefined }
    return decideOutcome(exchange, attempts + 1 - budgetFrom, retryPolicyOf(retryPolicy, policy), clock.now())
  }

  return async function record(delivery, error) {
    const { id: deliveryId, eventId, subscriptionId, tenant, type, responseTimeMs } = delivery
    const { idempotencyKey, orderingKey, createdAt, deliverAt, expiresAt } = delivery
    const attempt = delivery.attempts + 1
    const outcome = outcomeOf(delivery, error)
    const recorded = await recorder.record({
      ...{ deliveryId, attempt, budgetFrom: delivery.budgetFrom, outcome, statusCode: null, responseTimeMs },
      subject: {
        ...{ eventId, subscriptionId, tenant, createdAt: delivery.deliveryCreatedAt },
        event: {
          ...{ type, tenant: delivery.eventTenant, idempotencyKey, orderingKey },
          ...{ createdAt, deliverAt, expiresAt },
        },
      },
      // No endpoint was called.
      endpointVersion: null,
      columns: writeColumns({ deliveryId, attempt, isFailed: error !== null, trace: newExchangeTrace() }),
    })
    if (recorded === undefined) return false
    if (recorded.status === 'FAILED') onDue()
    // Its consumer has room for another one, and the next of its line has its turn.
    const hasNext = recorded.status !== 'FAILED' && delivery.isInLine
    feedWakes.send(hasNext ? [answersOf(subscriptionId), subscriptionId] : [answersOf(subscriptionId)])
    const { status, nextRunAt } = recorded
    serviceEvents.emit('attemptRecorded', {
      ...{ deliveryId, eventId, subscriptionId, eventType: type, attempt, status, nextRunAt, responseTimeMs },
      ...{ statusCode: null, error: outcome.error },
      sinceAcceptedMs: Math.max(0, clock.nowMs() - dispatchableAtMs({ id: eventId, deliverAt })),
    })
    return true
  }
}
