/** The delivery engine, put together: dispatcher → queue → worker, with the scheduler beside them. */

import { RECORD_MS, UNDER_WAY_MS } from '../budgets.js'
import type { FastPath } from '../events/publish.js'
import { mergeCounterDeltas } from '../model/counter-deltas.js'
import type { Clock } from '../platform/clock.js'
import { createPoller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import type { JobQueue } from '../platform/queue/job-queue.js'
import { withTimeout } from '../platform/timeout.js'
import type { SigningKeys } from '../secrets/signing-keys.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { createAttempt } from './attempt/attempt.js'
import { createEndpoints } from './attempt/endpoint-cache.js'
import { createLoader } from './attempt/loader.js'
import type { RetryPolicy } from './attempt/outcome.js'
import { createRecorder } from './attempt/recorder.js'
import { createSender } from './attempt/sender.js'
import type { EgressGuard } from './egress/egress-guard.js'
import type { EgressSettings } from './egress/egress-settings.js'
import { createLeaseQuotas } from './fairness/lease-quotas.js'
import { createResponsiveEndpoints } from './fairness/responsive-endpoints.js'
import { createDispatcher } from './scheduling/dispatcher.js'
import { createFastPath } from './scheduling/fast-path.js'
import { type DeliveryJob, type Lease, toJobs } from './scheduling/lease.js'
import { createScheduler, giveBackLeases, takeBackAllLeases } from './scheduling/scheduler.js'
import type { Signals } from './scheduling/wake-ups.js'
import { createWorkerPresence } from './scheduling/worker-presence.js'
import { createWorker } from './worker.js'

/** Its stop, which may be asked for more than once, leases nothing from its first moment on. */
export interface DeliveryEngine extends AsyncDisposable {
  /** Requests under way. */
  readonly inFlight: number
  /** Whether it does its rounds: it has looked for events to dispatch and for deliveries that are due, not long ago. */
  readonly isAtWork: boolean
  /** For a publisher in this process. */
  fastPath: FastPath
}

export interface DeliveryEngineSettings {
  delivery: RetryPolicy & {
    timeoutMs: number
    /** Requests in flight, of all subscriptions and of one. */
    concurrency: number
    concurrencyPerSubscription: number
  }
  egress: EgressSettings
  outbox: { batchSize: number; intervalMs: number }
  shutdownGraceMs: number
}

export interface DeliveryEngineOptions {
  config: DeliveryEngineSettings
  database: Database
  queue: JobQueue<DeliveryJob>
  signals: Signals
  serviceEvents: ServiceEvents
  clock: Clock
  guard: EgressGuard
  signingKeys: SigningKeys
  /** Told how many attempts a stop cut off, when it did: they are made again later. */
  onCutOff?(attempts: number): void
}

const COUNTER_DELTAS_MERGED_EVERY_MS = 2000
/** Rounds that take longer, or don't come, are for an operator to look at. */
const LONGEST_IDLE_MS = 30_000
const MISSED_ROUNDS = 3

export async function startDeliveryEngine(options: DeliveryEngineOptions): Promise<DeliveryEngine> {
  const { config, database, queue, signals, serviceEvents, clock, guard, signingKeys } = options
  const { intervalMs, batchSize } = config.outbox
  const onError = (where: string) => (error: unknown) => void serviceEvents.emit('trouble', { where, error })

  const presence = await createWorkerPresence({
    database,
    whenAlone: () => takeBackAllLeases(database),
    onError: onError('presence'),
  })

  const responsiveEndpoints = createResponsiveEndpoints()
  const leaseQuotas = createLeaseQuotas(responsiveEndpoints)

  async function enqueue(leases: Lease[]): Promise<void> {
    leaseQuotas.leased(leases.length)
    try {
      await queue.add(toJobs(leases))
    } catch (error) {
      serviceEvents.emit('trouble', { where: 'queue', error })
      await giveBackLeases(database, leases)
    }
  }

  const readLeaseQuotas = () => leaseQuotas.parameters(worker.held)
  const scheduler = createScheduler({
    ...{ database, serviceEvents, intervalMs, enqueue },
    leaseQuotas: readLeaseQuotas,
    onError: onError('scheduler'),
  })
  const dispatcher = createDispatcher({
    ...{ database, serviceEvents, batchSize, intervalMs, enqueue },
    leaseQuotas: readLeaseQuotas,
    onBacklog: scheduler.noteBacklog,
    onError: onError('dispatcher'),
  })
  signals.listen('outbox', () => dispatcher.wake())
  signals.listen('due', () => scheduler.wake())

  const tallies = createPoller({
    run: () => mergeCounterDeltas(database),
    intervalMs: COUNTER_DELTAS_MERGED_EVERY_MS,
    onError: onError('tallies'),
  })

  const cutOff = new AbortController()
  const sender = createSender({ guard, timeoutMs: config.delivery.timeoutMs, clock, egress: config.egress })
  const recorder = createRecorder(database, serviceEvents)
  const direct = createFastPath({
    loader: createLoader(database, signingKeys),
    endpoints: createEndpoints(database, signingKeys, clock),
    waiting: () => worker.waiting,
    saturated: () => (stopping ? undefined : worker.saturated()),
    take: (leases) => worker.take(leases),
    onBacklog: scheduler.noteBacklog,
  })
  const attempt = createAttempt({
    ...{ database, sender, recorder, serviceEvents, clock },
    loader: direct.loader,
    policy: config.delivery,
    onRetryIn: (delayMs) => scheduler.wakeIn(delayMs),
    cutOff: cutOff.signal,
  })
  const worker = createWorker({
    ...{ database, queue, leaseQuotas, responsiveEndpoints, attempt },
    concurrency: config.delivery.concurrency,
    concurrencyPerSubscription: config.delivery.concurrencyPerSubscription,
    timeoutMs: config.delivery.timeoutMs,
    onRoom: scheduler.madeRoom,
    onGivenBack: scheduler.noteBacklog,
    onError: onError('worker'),
  })

  async function stop(): Promise<void> {
    const cutOffAt = performance.now() + config.shutdownGraceMs + UNDER_WAY_MS
    await Promise.all([dispatcher, scheduler, tallies].map((part) => part[Symbol.asyncDispose]()))
    const { onCutOff = () => {} } = options
    const ended = worker.stop(cutOffAt, cutOff).then((attempts) => attempts > 0 && onCutOff(attempts))
    // A database that is away keeps its leases until they run out; it is told of by those who can't do without it.
    const untilRecordedMs = cutOffAt - performance.now() + RECORD_MS * 0.9
    await withTimeout(ended.then(endRest), untilRecordedMs, 'The database').catch(onError('stop'))
  }

  async function endRest(): Promise<void> {
    await sender[Symbol.asyncDispose]()
    await recorder.idle()
    await presence[Symbol.asyncDispose]()
    // Other workers may have room for what was given back.
    signals.send('due')
  }

  let stopping: Promise<void> | undefined
  await worker.ready
  return {
    get inFlight() {
      return worker.inFlight
    },
    get isAtWork() {
      return (
        Math.max(dispatcher.idleMs, scheduler.idleMs) < Math.max(LONGEST_IDLE_MS, MISSED_ROUNDS * intervalMs)
      )
    },
    fastPath: direct.worker,
    [Symbol.asyncDispose]: () => (stopping ??= stop()),
  }
}
