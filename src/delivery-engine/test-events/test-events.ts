/**
 * Test events: one exchange, made by the process that was asked, because its answer is the exchange. The sender is that
 * of deliveries. Nothing is stored before the exchange has ended, so there is nothing that a worker could pick up.
 */
import { notFound, ServiceError } from '../../errors.js'
import type { SentTestEvent, TestEvent, TestEvents } from '../../events/test-event.js'
import { type FormedWebhook, formWebhook } from '../../model/webhook-format.js'
import type { Clock } from '../../platform/clock.js'
import type { Database } from '../../platform/postgres/database.js'
import { isUuid } from '../../platform/uuid.js'
import type { BodyCipher } from '../../secrets/body-cipher.js'
import type { SigningKeys } from '../../secrets/signing-keys.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { Viewer } from '../../tenants/viewer.js'
import { createAttemptColumns, type KeptBodies } from '../attempt/attempt-columns.js'
import { decideOutcome } from '../attempt/outcome.js'
import { createSender, type Exchange, type Sender } from '../attempt/sender.js'
import type { EgressGuard } from '../egress/egress-guard.js'
import type { EgressSettings } from '../egress/egress-settings.js'
import { loadTarget, type Target } from './load-target.js'
import { recordTestEvent } from './record-test-event.js'

/** Each holds its event and a connection, for as long as its endpoint takes. */
const MAX_UNDER_WAY = 10
const RETRY_AFTER_SECONDS = 1

/** A failure is final: nobody waits for another attempt. */
const ONE_ATTEMPT = { maxAttempts: 1, backoffBaseSeconds: 0, backoffMaxSeconds: 0 }

export interface TestEventsOptions {
  database: Database
  guard: EgressGuard
  egress: EgressSettings
  /** For subscriptions without a timeout of their own. */
  timeoutMs: number
  requestOrigin?: string | undefined
  responseBodies: KeptBodies
  signingKeys: SigningKeys
  bodyCipher: BodyCipher
  serviceEvents: ServiceEvents
  clock: Clock
  newId(): string
}

export function createTestEvents(options: TestEventsOptions): TestEvents & AsyncDisposable {
  const { database, guard, egress, timeoutMs, requestOrigin, signingKeys, serviceEvents, clock, newId } =
    options
  // Who sends a test wants to see the answer, also that of a success.
  const keptBodies = options.responseBodies === 'none' ? 'none' : 'all'
  const writeColumns = createAttemptColumns(keptBodies, options.bodyCipher)
  const underWay = new Set<Promise<SentTestEvent>>()
  let sender: Sender | undefined
  let isStopped = false

  async function send(viewer: Viewer, subscriptionId: string, event: TestEvent): Promise<SentTestEvent> {
    if (underWay.size >= MAX_UNDER_WAY) throw tooMany()
    const test = sendAndRecord(viewer, subscriptionId, event)
    underWay.add(test)
    try {
      return await test
    } finally {
      underWay.delete(test)
    }
  }

  async function sendAndRecord(
    viewer: Viewer,
    subscriptionId: string,
    event: TestEvent,
  ): Promise<SentTestEvent> {
    const target = isUuid(subscriptionId)
      ? await loadTarget(database, viewer, signingKeys, subscriptionId)
      : undefined
    if (target === undefined) throw notFound('subscription', subscriptionId)
    const { endpointUrl } = target
    if (endpointUrl === null) throw isPulled()
    const eventId = newId()
    const deliveryId = newId()
    const createdAt = clock.now()
    const formed = formWebhook(target.format, { ...event, eventId, createdAt, metadata: null })
    const exchange = await exchangeWith({ ...target, endpointUrl }, eventId, formed)
    // The stop may have ended the exchange, which then says nothing about the endpoint.
    if (isStopped) throw stopping()
    const outcome = decideOutcome(exchange, 1, ONE_ATTEMPT, clock.now())
    const isFailed = outcome.status !== 'SENT'
    await recordTestEvent(
      { database, serviceEvents, clock },
      {
        ...{ eventId, deliveryId, subscriptionId, event, createdAt, outcome, tenant: target.tenant },
        ...{ statusCode: exchange.statusCode, responseTimeMs: exchange.responseTimeMs },
        columns: writeColumns({ deliveryId, attempt: 1, isFailed, trace: exchange.trace }),
      },
    )
    return { eventId, deliveryId }
  }

  function exchangeWith(
    target: Target & { endpointUrl: string },
    id: string,
    formed: FormedWebhook,
  ): Promise<Exchange> {
    if (isStopped) throw stopping()
    // Most processes never need one.
    sender ??= createSender({ guard, timeoutMs, requestOrigin, clock, egress })
    const { endpointUrl, policy, signingKeys } = target
    return sender.send({ endpointUrl, id, ...formed, policy, signingKeys: () => signingKeys(clock.nowMs()) })
  }

  return {
    send,
    async [Symbol.asyncDispose]() {
      isStopped = true
      await sender?.[Symbol.asyncDispose]()
      await Promise.allSettled(underWay)
    },
  }
}

const tooMany = () =>
  new ServiceError(
    'TOO_MANY_REQUESTS',
    `${MAX_UNDER_WAY} test events are under way, as many as this process sends at a time. Try again in a moment.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  )

const isPulled = () =>
  new ServiceError(
    'CONFLICT',
    'The subscription is of kind PULL: there is no endpoint to send a test event to. Publish an event instead.',
  )

const stopping = () =>
  new ServiceError(
    'SERVICE_UNAVAILABLE',
    'The service is stopping, and cut the test event off. Nothing is stored of it: send it again.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  )
