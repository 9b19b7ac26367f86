/**
 * The body of a webhook in the format STANDARD. Every attempt of an event in one format sends the same bytes, so no
 * attempt has to keep them.
 */

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

const headText = ({ eventId, type, createdAt }: Omit<WebhookContent, 'data' | 'metadata'>): string =>
  `{"id":"${eventId}","type":"${type}","createdAt":"${createdAt.toISOString()}","payload":`

/** Built from the producer's own text, so that `data` arrives as it was written. */
export const webhookText = (content: WebhookContent): string =>
  `${headText(content)}{"data":${content.data},"metadata":${content.metadata}}}`

/** The text `{"data": …, "metadata": …}` in a text of `webhookText`. */
export const payloadText = (event: Omit<WebhookContent, 'data' | 'metadata'>, text: string): string =>
  text.slice(headText(event).length, -1)

export const webhookBody = (content: WebhookContent): Buffer => Buffer.from(webhookText(content))

/** The most bytes of a body, in any format, besides those of `data` and `metadata`. */
export const WEBHOOK_FRAME_BYTES = 300
