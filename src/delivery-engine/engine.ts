/** The delivery engine, put together: dispatcher → queue → worker, with the feeder beside them. */
import type { Config } from '../config.js'
import { mergeTallies } from '../deliveries/tally.js'
import type { DirectWorker } from '../events/publish.js'
import type { Clock } from '../platform/clock.js'
import type { Database } from '../platform/database.js'
import type { Happenings } from '../platform/happenings.js'
import { createPump } from '../platform/pump.js'
import type { JobQueue } from '../platform/queue.js'
import type { Signals } from '../platform/signals.js'
import { withTimeout } from '../platform/timeout.js'
import type { SigningKeys } from '../secrets/signing-keys.js'
import { RECORD_MS, UNDER_WAY_MS } from '../stop-budget.js'
import { createAllowances } from './allowances.js'
import { createAnswering } from './answering.js'
import { createAttempt } from './attempt.js'
import { createDirect } from './direct.js'
import { createDispatcher } from './dispatcher.js'
import type { EgressGuard } from './egress-guard.js'
import { createEndpoints } from './endpoints.js'
import { createFeeder, giveBackLeases, takeBackAllLeases } from './feeder.js'
import { type DeliveryJob, type Lease, toJobs } from './lease.js'
import { createLoader } from './loader.js'
import { createPresence } from './presence.js'
import { createRecorder } from './recorder.js'
import { createSender } from './sender.js'
import { createWorker } from './worker.js'

/** Its stop, which may be asked for more than once, leases nothing from its first moment on. */
export interface DeliveryEngine extends AsyncDisposable {
  /** Requests under way. */
  readonly inFlight: number
  /** Whether it does its rounds: it has looked for events to dispatch and for deliveries that are due, not long ago. */
  readonly isAtWork: boolean
  /** For a publisher in this process. */
  directWorker: DirectWorker
}

export interface DeliveryEngineOptions {
  config: Pick<Config, 'delivery' | 'egress' | 'outbox' | 'shutdownGraceMs'>
  database: Database
  queue: JobQueue<DeliveryJob>
  signals: Signals
  happenings: Happenings
  clock: Clock
  guard: EgressGuard
  signingKeys: SigningKeys
  /** Told how many attempts a stop cut off, when it did: they are made again later. */
  onCutOff?(attempts: number): void
}

const TALLIES_MERGED_EVERY_MS = 2000
/** Rounds that take longer, or don't come, are for an operator to look at. */
const LONGEST_IDLE_MS = 30_000
const MISSED_ROUNDS = 3

export async function startDeliveryEngine(options: DeliveryEngineOptions): Promise<DeliveryEngine> {
  const { config, database, queue, signals, happenings, clock, guard, signingKeys } = options
  const { intervalMs, batchSize } = config.outbox
  const onError = (where: string) => (error: unknown) => void happenings.emit('trouble', { where, error })

  const presence = await createPresence({
    database,
    whenAlone: () => takeBackAllLeases(database),
    onError: onError('presence'),
  })

  const answering = createAnswering()
  const allowances = createAllowances(answering)

  async function enqueue(leases: Lease[]): Promise<void> {
    allowances.leased(leases.length)
    try {
      await queue.add(toJobs(leases))
    } catch (error) {
      happenings.emit('trouble', { where: 'queue', error })
      await giveBackLeases(database, leases)
    }
  }

  const readAllowances = () => allowances.parameters(worker.held)
  const feeder = createFeeder({
    ...{ database, happenings, intervalMs, enqueue },
    allowances: readAllowances,
    onError: onError('feeder'),
  })
  const dispatcher = createDispatcher({
    ...{ database, happenings, batchSize, intervalMs, enqueue },
    allowances: readAllowances,
    onBacklog: feeder.noteBacklog,
    onError: onError('dispatcher'),
  })
  signals.listen('outbox', () => dispatcher.wake())
  signals.listen('due', () => feeder.wake())

  const tallies = createPump({
    run: () => mergeTallies(database),
    intervalMs: TALLIES_MERGED_EVERY_MS,
    onError: onError('tallies'),
  })

  const cutOff = new AbortController()
  const sender = createSender({ guard, timeoutMs: config.delivery.timeoutMs, clock, egress: config.egress })
  const recorder = createRecorder(database, happenings)
  const direct = createDirect({
    loader: createLoader(database, signingKeys),
    endpoints: createEndpoints(database, signingKeys, clock),
    waiting: () => worker.waiting,
    crowded: () => (stopping ? undefined : worker.crowded()),
    take: (leases) => worker.take(leases),
    onBacklog: feeder.noteBacklog,
  })
  const attempt = createAttempt({
    ...{ database, sender, recorder, happenings, clock },
    loader: direct.loader,
    policy: config.delivery,
    onRetryIn: (delayMs) => feeder.wakeIn(delayMs),
    cutOff: cutOff.signal,
  })
  const worker = createWorker({
    ...{ database, queue, allowances, answering, attempt },
    concurrency: config.delivery.concurrency,
    concurrencyPerSubscription: config.delivery.concurrencyPerSubscription,
    timeoutMs: config.delivery.timeoutMs,
    onRoom: feeder.madeRoom,
    onGivenBack: feeder.noteBacklog,
    onError: onError('worker'),
  })

  async function stop(): Promise<void> {
    const cutOffAt = performance.now() + config.shutdownGraceMs + UNDER_WAY_MS
    await Promise.all([dispatcher, feeder, tallies].map((part) => part[Symbol.asyncDispose]()))
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
        Math.max(dispatcher.idleMs, feeder.idleMs) < Math.max(LONGEST_IDLE_MS, MISSED_ROUNDS * intervalMs)
      )
    },
    directWorker: direct.worker,
    [Symbol.asyncDispose]: () => (stopping ??= stop()),
  }
}
