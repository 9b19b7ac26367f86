/**
 * The parts of the delivery engine on a real database, taken one step at a time: nothing moves by itself, and
 * what goes over the network is answered when the test says so, so every order of steps can be tried.
 */
import { createAttempt } from '../../src/delivery-engine/attempt/attempt.js'
import { createAttemptColumns } from '../../src/delivery-engine/attempt/attempt-columns.js'
import { createLoader } from '../../src/delivery-engine/attempt/loader.js'
import { createRecorder, type Recorder } from '../../src/delivery-engine/attempt/recorder.js'
import type { Exchange, Webhook } from '../../src/delivery-engine/attempt/sender.js'
import { createDispatch } from '../../src/delivery-engine/scheduling/dispatcher.js'
import type { Lease } from '../../src/delivery-engine/scheduling/lease.js'
import { createScheduler, takeBackAllLeases } from '../../src/delivery-engine/scheduling/scheduler.js'
import { createPublisher, type FastPath, type Publisher } from '../../src/events/publish.js'
import { createMatcher, type Matcher } from '../../src/matching/matcher.js'
import type { BreakerBounds } from '../../src/model/breaker.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { createBodyCipher } from '../../src/secrets/body-cipher.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { createSigningKeys } from '../../src/secrets/signing-keys.js'
import { createServiceEvents, type ServiceEvents } from '../../src/telemetry/service-events.js'
import { machineClock, newId } from '../support/clock.js'
import { FULL_PACE, PAUSE_AFTER, PAUSE_AGAIN_AFTER } from './breaker.js'

/** A request that an endpoint has not answered. */
export interface Request {
  lease: Lease
  webhook: Webhook
  /** Of the process that made it. */
  process: number
  /** Resolves when what came of it is recorded, or found to count for nothing. */
  answer(exchange: Exchange): Promise<void>
}

/** The last that was told of each delivery and of each event, by id. */
export interface Told {
  deliveries: Map<string, object>
  events: Map<string, object>
}

export type PublishWay = 'outbox' | 'direct' | 'queue'

export interface Engine {
  serviceEvents: ServiceEvents
  matcher: Matcher
  told: Told
  /** Leases that were put on the queue, and not yet taken from it. */
  queue: Lease[]
  requests: Request[]
  /**
   * One leaves everything to the dispatcher. One dispatches with the commit, and one does so only while the
   * subscriptions have fewer leases than `QUEUE_QUOTA`.
   */
  publishers: Record<PublishWay, Publisher>
  dispatch(): Promise<void>
  feed(): Promise<void>
  /** Takes a lease from the queue and makes the request; resolves with nothing where none was to be made. */
  attempt(lease: Lease, process: number): Promise<Request | undefined>
  /** One process forgets everything that is not in the database; the queue and the others go on. */
  crashOne(process: number): void
  /** All processes do, and the queue does. */
  crash(): void
  restart(): Promise<void>
}

/** Few, so that it is often used up. */
export const QUEUE_QUOTA = 2
/** Processes that attempt deliveries. */
export const WORKERS = 2
const HOUR_SECONDS = 3600
const HOUR_MS = HOUR_SECONDS * 1000

/** A step of the test lets the time of a probe come. */
const breaker: BreakerBounds = {
  ...{ pauseAfterFailures: PAUSE_AFTER, pauseAfterMs: 0 },
  ...{ fullPace: FULL_PACE, pauseAgainAfterFailures: PAUSE_AGAIN_AFTER },
  ...{ probeWaitMs: HOUR_MS, maxProbeWaitMs: HOUR_MS },
}

export async function createEngine(database: Database, maxAttempts: number): Promise<Engine> {
  const matcher = await createMatcher(database)
  const serviceEvents = createServiceEvents()
  const told: Told = { deliveries: new Map(), events: new Map() }
  serviceEvents.on('deliveriesChanged', (read) => {
    for (const delivery of read()) told.deliveries.set(delivery.id, delivery)
  })
  serviceEvents.on('eventsChanged', (read) => {
    for (const event of read()) told.events.set(event.id, event)
  })
  const queue: Lease[] = []
  const requests: Request[] = []
  /** Called with the request that is about to be made, and what answers it. */
  let onRequest: (webhook: Webhook, answer: (exchange: Exchange) => void) => void = () => {}

  const enqueue = async (leases: Lease[]) => void queue.push(...leases)
  /** Of one process: nothing is shared with the others but the database. */
  function startWorker() {
    const cutOff = new AbortController()
    const recorder = createRecorder(database, serviceEvents, { breaker })
    const attempt = createAttempt({
      ...{ database, serviceEvents, clock: machineClock, recorder: twice(recorder) },
      loader: createLoader(database, createSigningKeys(createSecretCipher([])), machineClock),
      sender: {
        send: (webhook) => new Promise((resolve) => onRequest(webhook, resolve)),
        [Symbol.asyncDispose]: async () => {},
      },
      writeColumns: createAttemptColumns('failed', createBodyCipher([])),
      policy: { maxAttempts, backoffBaseSeconds: HOUR_SECONDS, backoffMaxSeconds: HOUR_SECONDS },
      onRetryIn: () => {},
      onRoom: () => {},
      cutOff: cutOff.signal,
    })
    return { attempt, cutOff }
  }
  const workers = Array.from({ length: WORKERS }, startWorker)

  function crashOne(process: number): void {
    workers[process]?.cutOff.abort()
    workers[process] = startWorker()
    const others = requests.filter((request) => request.process !== process)
    requests.splice(0, requests.length, ...others)
  }

  /** The scheduler works by itself: it asks for the quotas when it does, and its stop waits for the end of the scan. */
  async function feed(): Promise<void> {
    let scheduler: AsyncDisposable | undefined
    await new Promise<void>((resolve, onError) => {
      const started = createScheduler({
        ...{ database, serviceEvents, enqueue, onError },
        intervalMs: HOUR_MS,
        onPullable() {},
        leaseQuotas() {
          resolve()
          return [[], [], 500]
        },
      })
      scheduler = started
      started.start()
    })
    await scheduler?.[Symbol.asyncDispose]()
  }

  const dispatch = createDispatch({
    ...{ database, matcher, serviceEvents, enqueue, batchSize: 100 },
    leaseQuotas: () => [[], [], 500],
    onBacklog: () => {},
    onInLine: () => {},
  })
  const publishing = {
    ...{ database, matcher, serviceEvents, clock: machineClock, newId },
    ...{ onCommitted: () => {}, onError: () => {} },
  }

  const fastPath = (quota: number | undefined): FastPath => ({
    announcesDeliveries: false,
    quota,
    saturated: () => [],
    restMs: () => 0,
    take(_events, { deliveries, queuedUntil }) {
      const queuedUntilText = queuedUntil.toISOString()
      for (const { id: deliveryId, subscriptionId } of deliveries.filter(({ isLeased }) => isLeased))
        queue.push({
          deliveryId,
          subscriptionId,
          queuedUntil: queuedUntilText,
          isRetry: false,
          isPaced: false,
        })
    },
  })

  return {
    serviceEvents,
    matcher,
    told,
    queue,
    requests,
    publishers: {
      outbox: createPublisher(publishing),
      direct: createPublisher({ ...publishing, fastPath: fastPath(undefined) }),
      queue: createPublisher({ ...publishing, fastPath: fastPath(QUEUE_QUOTA) }),
    },
    async dispatch() {
      while (await dispatch()) {}
    },
    feed,
    async attempt(lease, process) {
      const request = new Promise<[Webhook, (exchange: Exchange) => void]>((resolve) => {
        onRequest = (...made) => resolve(made)
      })
      const worker = workers[process] as ReturnType<typeof startWorker>
      const done = worker.attempt(lease, () => {})
      const begun = await Promise.race([request, done])
      if (begun === undefined) return undefined
      const [webhook, answer] = begun
      const made: Request = {
        ...{ lease, webhook, process },
        answer(exchange) {
          answer(exchange)
          return done
        },
      }
      requests.push(made)
      return made
    },
    crashOne,
    crash() {
      for (const process of workers.keys()) crashOne(process)
      queue.length = 0
    },
    restart: () => takeBackAllLeases(database),
  }
}

/** Records each result a second time, as happens when the answer to the first is lost. It must count for nothing. */
function twice(recorder: Recorder): Recorder {
  return {
    ...recorder,
    async record(result) {
      const recorded = await recorder.record(result)
      if ((await recorder.record(result)) !== undefined) throw new Error('A result counted twice.')
      return recorded
    },
  }
}
