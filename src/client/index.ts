/**
 * `node-event-service-client`: for producers, consoles and receivers of webhooks. It needs only web APIs.
 * `packages/client` makes a package of it.
 */
export { type Client, createClient } from './client.js'
export { ClientError, type ServiceErrorItem } from './client-errors.js'
export * from './generated/graphql.js'
export type { LiveOptions } from './live-transport.js'
export type { Document, TransportOptions as ClientOptions } from './transport.js'
export {
  type VerifyWebhookOptions,
  verifyWebhook,
  type WebhookEvent,
  WebhookVerificationError,
} from './verify-webhook.js'
export type { WatchDeliveriesOptions } from './watch-deliveries.js'
