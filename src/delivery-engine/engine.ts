/**
 * The delivery engine: dispatcher → queue → worker, with the scheduler beside them.
 *
 * Each part is made from parts that exist already, so none can call one that is not there yet. The worker comes
 * first, because the others read how much it holds, and starts last, when what it calls exists.
 */

import { RECORD_MS, UNDER_WAY_MS } from '../budgets.js'
import { mergeMetricsDeltas } from '../delivery-metrics/merge.js'
import type { FastPath } from '../events/publish.js'
import type { Matcher } from '../matching/matcher.js'
import type { BreakerBounds } from '../model/breaker.js'
import { mergeCounterDeltas } from '../model/counter-deltas.js'
import type { RetryPolicy } from '../model/delivery-policy.js'
import type { Clock } from '../platform/clock.js'
import { createPoller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import type { JobQueue } from '../platform/queue/job-queue.js'
import { withTimeout } from '../platform/timeout.js'
import type { BodyCipher } from '../secrets/body-cipher.js'
import type { SigningKeys } from '../secrets/signing-keys.js'
import { announceChanges } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { createAttempt } from './attempt/attempt.js'
import { createAttemptColumns, type KeptBodies } from './attempt/attempt-columns.js'
import { createEndpointCache } from './attempt/endpoint-cache.js'
import { createLoader } from './attempt/loader.js'
import { createPreparedDeliveries } from './attempt/prepared-deliveries.js'
import { createRecorder } from './attempt/recorder.js'
import { createSender } from './attempt/sender.js'
import type { EgressGuard } from './egress/egress-guard.js'
import type { EgressSettings } from './egress/egress-settings.js'
import { createLeaseQuotas } from './fairness/lease-quotas.js'
import { createResponsiveEndpoints } from './fairness/responsive-endpoints.js'
import { changesOfJob, type DeliveryJob, readPrepared, toJobs } from './scheduling/delivery-job.js'
import { createDispatcher } from './scheduling/dispatcher.js'
import { createFastPath } from './scheduling/fast-path.js'
import type { Lease } from './scheduling/lease.js'
import { createSchedule } from './scheduling/scheduled-events.js'
import { createScheduler, giveBackLeases, takeBackAllLeases } from './scheduling/scheduler.js'
import type { WakeUps } from './scheduling/wake-ups.js'
import { createWorkerPresence } from './scheduling/worker-presence.js'
import { createWorker } from './worker.js'

/** A stop may be asked for more than once. From the first moment of the stop the engine leases nothing. */
export interface DeliveryEngine extends AsyncDisposable {
  /** Until then it leases and attempts nothing. Resolves once the worker takes jobs. */
  start(): Promise<void>
  /** Requests in flight. */
  readonly inFlight: number
  /** Whether the dispatcher and the scheduler have both finished a poll lately. */
  readonly isHealthy: boolean
  /** For a publisher in this process. */
  fastPath: FastPath
}

export interface DeliveryEngineSettings {
  delivery: RetryPolicy & {
    timeoutMs: number
    /** How long an endpoint may fail before its subscription is disabled; without it, for ever. */
    disableAfterMs: number | undefined
    /** Most requests in flight, of all subscriptions and of one. */
    concurrency: number
    concurrencyPerSubscription: number
    requestOrigin: string | undefined
  }
  egress: EgressSettings
  outbox: { batchSize: number; intervalMs: number }
  logs: { responseBodies: KeptBodies }
  shutdownGraceMs: number
}

export interface DeliveryEngineOptions {
  config: DeliveryEngineSettings
  database: Database
  matcher: Matcher
  queue: JobQueue<DeliveryJob>
  wakeUps: WakeUps
  /** Called with subscriptions of kind PULL that have due deliveries: their consumers may wait. */
  onPullable(subscriptionIds: string[]): void
  serviceEvents: ServiceEvents
  clock: Clock
  guard: EgressGuard
  signingKeys: SigningKeys
  bodyCipher: BodyCipher
  breaker?: BreakerBounds | undefined
  /** Called when the stop has cut off attempts, with their number. They are made again later. */
  onCutOff?(attempts: number): void
}

const DELTAS_MERGED_EVERY_MS = 2000
/** Without a finished poll for longer than this, or than three intervals, the engine is not healthy. */
const MAX_IDLE_MS = 30_000
const MAX_MISSED_POLLS = 3

export async function createDeliveryEngine(options: DeliveryEngineOptions): Promise<DeliveryEngine> {
  const { config, database, matcher, queue, wakeUps, serviceEvents, clock, guard, signingKeys, bodyCipher } =
    options
  const { intervalMs, batchSize } = config.outbox
  const onError = (where: string) => (error: unknown) => void serviceEvents.emit('failed', { where, error })

  const presence = await createWorkerPresence({
    database,
    onOnlyWorker: () => takeBackAllLeases(database),
    onError: onError('presence'),
  })

  const cutOff = new AbortController()
  const stopRequest = new AbortController()
  const responsiveEndpoints = createResponsiveEndpoints()
  const leaseQuotas = createLeaseQuotas(responsiveEndpoints)
  const { timeoutMs, requestOrigin, disableAfterMs } = config.delivery
  const sender = createSender({ guard, timeoutMs, requestOrigin, clock, egress: config.egress })
  const recorder = createRecorder(database, serviceEvents, { breaker: options.breaker, disableAfterMs })
  const worker = createWorker({
    ...{ database, queue, leaseQuotas, responsiveEndpoints },
    tenantOf: matcher.tenantOf,
    concurrency: config.delivery.concurrency,
    concurrencyPerSubscription: config.delivery.concurrencyPerSubscription,
    onError: onError('worker'),
  })

  async function enqueue(leases: Lease[]): Promise<void> {
    leaseQuotas.leased(leases.length)
    try {
      await queue.add(toJobs(leases))
    } catch (error) {
      serviceEvents.emit('failed', { where: 'queue', error })
      await giveBackLeases(database, leases)
    }
  }

  const readLeaseQuotas = () => leaseQuotas.parameters(worker.held)
  const scheduler = createScheduler({
    ...{ database, serviceEvents, intervalMs, enqueue },
    leaseQuotas: readLeaseQuotas,
    onPullable: options.onPullable,
    onError: onError('scheduler'),
  })
  const dispatcher = createDispatcher({
    ...{ database, matcher, serviceEvents, batchSize, intervalMs, enqueue },
    leaseQuotas: readLeaseQuotas,
    onBacklog: scheduler.addBacklog,
    onInLine: scheduler.lookAt,
    onError: onError('dispatcher'),
  })
  const schedule = createSchedule({
    ...{ database, serviceEvents },
    onTaken: dispatcher.wake,
    onError: onError('schedule'),
  })
  const counterDeltas = createPoller({
    run: () => mergeCounterDeltas(database),
    intervalMs: DELTAS_MERGED_EVERY_MS,
    onError: onError('tallies'),
  })
  const metricsDeltas = createPoller({
    run: () => mergeMetricsDeltas(database),
    intervalMs: DELTAS_MERGED_EVERY_MS,
    onError: onError('delivery metrics'),
  })
  /** Deliveries of an earlier time may have been leased anew since: see `takeBackAllLeases`. */
  const startedAt = clock.now()
  const preparedDeliveries = createPreparedDeliveries({
    loader: createLoader(database, signingKeys, clock),
    endpointCache: createEndpointCache(database, signingKeys, clock),
    clock,
  })
  const fastPath = createFastPath({
    ...{ preparedDeliveries, worker },
    stopRequest: stopRequest.signal,
    onBacklog: scheduler.addBacklog,
  })
  const attempt = createAttempt({
    ...{ database, sender, recorder, serviceEvents, clock },
    loader: preparedDeliveries.loader,
    policy: config.delivery,
    writeColumns: createAttemptColumns(config.logs.responseBodies, bodyCipher),
    onRetryIn: scheduler.wakeIn,
    // It may wait unknown to this process: another one leased what was attempted here.
    onRoom: (subscriptionId) => scheduler.addBacklog([subscriptionId]),
    cutOff: cutOff.signal,
  })

  wakeUps.listen('outbox', dispatcher.wake)
  wakeUps.listen('due', scheduler.wake)
  const pollers = [dispatcher, scheduler, schedule, counterDeltas, metricsDeltas]

  /** Takes what a job carries for first attempts, unless its deliveries may have gone on since. */
  function prepare(job: Required<DeliveryJob>): void {
    const leasedUntil = new Date(job.leases[0]?.queuedUntil ?? 0)
    if (leasedUntil <= clock.now()) return
    announceChanges(serviceEvents, changesOfJob(job))
    const acceptedAt = new Date(job.prepared.acceptedAt)
    if (acceptedAt >= startedAt) preparedDeliveries.add(readPrepared(job), acceptedAt)
  }

  async function start(): Promise<void> {
    await worker.start({
      attempt,
      prepare,
      onCapacityFreed: scheduler.capacityFreed,
      onGivenBack: scheduler.addBacklog,
    })
    for (const poller of pollers) poller.start()
  }

  async function stop(): Promise<void> {
    stopRequest.abort()
    const cutOffAt = performance.now() + config.shutdownGraceMs + UNDER_WAY_MS
    await Promise.all(pollers.map((poller) => poller[Symbol.asyncDispose]()))
    const { onCutOff = () => {} } = options
    const ended = worker.stop(cutOffAt, cutOff).then((attempts) => attempts > 0 && onCutOff(attempts))
    // While the database is away the leases stay until they run out. Other parts report that it is away.
    const untilRecordedMs = cutOffAt - performance.now() + RECORD_MS * 0.9
    await withTimeout(ended.then(endRest), untilRecordedMs, 'The database').catch(onError('stop'))
  }

  async function endRest(): Promise<void> {
    await sender[Symbol.asyncDispose]()
    await recorder.idle()
    await presence[Symbol.asyncDispose]()
    // Other workers may have room for the leases that were given back.
    wakeUps.send('due')
  }

  let stopped: Promise<void> | undefined
  return {
    get inFlight() {
      return worker.inFlight
    },
    get isHealthy() {
      const maxIdleMs = Math.max(MAX_IDLE_MS, MAX_MISSED_POLLS * intervalMs)
      return Math.max(dispatcher.idleMs, scheduler.idleMs) < maxIdleMs
    },
    start,
    fastPath,
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  }
}
