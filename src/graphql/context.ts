/** What every resolver gets: the same parts that the REST routes work with. */
import type { Logger } from 'pino'
import type { ApiKey } from '../api-keys/api-key.js'
import type { CancelContext } from '../deliveries/cancel.js'
import type { RetryContext } from '../deliveries/retry.js'
import type { Publisher } from '../events/publish.js'
import type { SubscriptionContext } from '../subscriptions/create.js'
import type { Answer } from './answers.js'
import type { CountedLoader } from './counted-loader.js'
import type { CountedLog } from './delivery-logs.js'
import type { LiveUpdates } from './live-updates.js'
import type { Payload } from './payloads.js'
import type { RelatedDeliveries } from './related-deliveries.js'

export interface GraphQLContext extends SubscriptionContext, RetryContext, CancelContext {
  publisher: Publisher
  liveUpdates: LiveUpdates
  /** Of this operation alone. */
  related: RelatedDeliveries
  logger: Logger
  /** Whose operation it is. */
  apiKey: ApiKey
  /** The largest event. */
  eventMaxBytes: number
  reader: Reader
  answer: Answer
  /** Of this operation alone. */
  payloads: CountedLoader<Payload>
  /** Of this operation alone. */
  logs: CountedLoader<CountedLog[]>
}

/** How the answer is read. */
export interface Reader {
  /** Whether the answers of a subscription can be read, one after the other. */
  canStream: boolean
  /** The WebSocket, where it is one. */
  socket?: object | undefined
}

/** What comes with each operation. */
export interface ServerContext {
  apiKey: ApiKey
  reader: Reader
  answer: Answer
}
