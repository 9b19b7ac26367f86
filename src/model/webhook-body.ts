/** The body of a webhook. Every attempt of an event sends the same bytes, so no attempt has to keep them. */

/** `data` and `metadata` are JSON texts. */
export interface WebhookContent {
  eventId: string
  type: string
  createdAt: Date
  data: string
  metadata: string | null
}

/** SQL: these columns of the event `e`. */
export const sqlWebhookContent = (e: string): string =>
  `${e}.id as "eventId", ${e}.type, ${e}."createdAt", ${e}.data::text as data, ${e}.metadata::text as metadata`

/** Built from the producer's own text, so that `data` arrives as it was written. */
export function webhookText({ eventId, type, createdAt, data, metadata }: WebhookContent): string {
  const head = `{"id":"${eventId}","type":"${type}","createdAt":"${createdAt.toISOString()}"`
  return `${head},"payload":{"data":${data},"metadata":${metadata}}}`
}

export const webhookBody = (content: WebhookContent): Buffer => Buffer.from(webhookText(content))

/** The most bytes of a body besides those of `data` and `metadata`. */
export const WEBHOOK_FRAME_BYTES = 300
