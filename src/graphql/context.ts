/** The context of every resolver, with the same parts as the REST routes. */
import type { Logger } from 'pino'
import type { ApiKey } from '../api-keys/api-key.js'
import type { CatalogueContext } from '../catalogue/register.js'
import type { CancelContext } from '../deliveries/cancel.js'
import type { AttemptContext } from '../deliveries/find-attempt.js'
import type { RetryContext } from '../deliveries/retry.js'
import type { WaitingFor } from '../deliveries/waiting-for.js'
import type { ErasureContext } from '../erasures/create.js'
import type { Publisher } from '../events/publish.js'
import type { TestEvents } from '../events/test-event.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { AnswerContext } from '../pull/answer.js'
import type { FeedContext } from '../pull/feed.js'
import type { ReplayContext } from '../replays/create.js'
import type { SubscriptionContext } from '../subscriptions/create.js'
import type { EndpointHealth } from '../subscriptions/health.js'
import type { TenantTokens } from '../tenants/tokens.js'
import type { Answer } from './answers.js'
import type { Exchange, WebhookBody } from './attempt-exchanges.js'
import type { BatchedLoader } from './batched-loader.js'
import type { CountedLoader } from './counted-loader.js'
import type { CountedLog } from './delivery-logs.js'
import type { Follower, LiveUpdates } from './live-updates.js'
import type { Payload } from './payloads.js'
import type { RelatedDeliveries } from './related-deliveries.js'
import type { StreamPosition } from './stream-position.js'
import type { Watch } from './watch.js'

export interface GraphQLContext
  extends AttemptContext,
    SubscriptionContext,
    RetryContext,
    CancelContext,
    CatalogueContext,
    ReplayContext,
    ErasureContext,
    AnswerContext,
    FeedContext {
  publisher: Publisher
  testEvents: TestEvents
  tenantTokens: TenantTokens
  liveUpdates: LiveUpdates
  /** For this operation only. */
  related: RelatedDeliveries
  logger: Logger
  apiKey: ApiKey
  /** The size of the largest event. */
  eventMaxBytes: number
  reader: Reader
  answer: Answer
  /** For this operation only. */
  payloads: CountedLoader<Payload>
  /** For this operation only. */
  logs: CountedLoader<CountedLog[]>
  /** For this operation only. */
  waitingFor: BatchedLoader<{ id: string; status: DeliveryStatus }, WaitingFor>
  /** For this operation only; of events: how many deliveries the viewer sees. */
  deliveryCounts: BatchedLoader<{ id: string }, number>
  /** For this operation only; of subscriptions. */
  health: BatchedLoader<{ id: string }, EndpointHealth>
  /** For this operation only; by `attemptId`. */
  exchanges: CountedLoader<Exchange>
  /** For this operation only; by delivery id. */
  webhookBodies: CountedLoader<WebhookBody>
}

/** How the client reads the answer. */
export interface Reader {
  /** Whether the client can read the answers of a subscription, one after the other. */
  canStream: boolean
  /** How far the client of an SSE stream has read; absent over WebSocket. */
  position?: StreamPosition | undefined
  /** The WebSocket of the operation; absent over HTTP. */
  socket?: object | undefined
  /** How to read a live subscription, once it has begun. */
  watch?: Watch | undefined
}

/** The parts of the context from the transport: each operation has its own. */
export interface ServerContext {
  apiKey: ApiKey
  reader: Reader
  answer: Answer
}

export const followerOf = ({ apiKey, reader }: ServerContext): Follower => ({ apiKey, socket: reader.socket })
