/** `node-event-service-client/webhook`: for receivers. */
export { createMemoryStore } from './memory-store.js'
export {
  type ProcessOnceOptions,
  processOnce,
  WebhookBusyError,
  type WebhookStore,
} from './process-once.js'
export {
  type VerifyWebhookOptions,
  verifyWebhook,
  type WebhookEvent,
  WebhookVerificationError,
} from './verify-webhook.js'
