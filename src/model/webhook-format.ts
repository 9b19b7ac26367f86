/** A webhook in the format that its subscription asks for. */
import type { WebhookFormat } from '../generated/prisma/enums.js'
import { binaryHeaders, structuredText } from './cloud-event.js'
import { type WebhookContent, webhookText } from './webhook-body.js'

/** The text of the body. */
export function bodyText(format: WebhookFormat, content: WebhookContent): string {
  if (format === 'CLOUDEVENTS_STRUCTURED') return structuredText(content)
  return format === 'CLOUDEVENTS_BINARY' ? content.data : webhookText(content)
}

/** What a webhook in another format than STANDARD has of its own. */
export interface CloudEventForm {
  format: WebhookFormat
  headers: Readonly<Record<string, string>>
}

export interface FormedWebhook {
  /** The exact bytes that are signed and sent. */
  body: Uint8Array
  /** Absent for STANDARD. */
  form?: CloudEventForm | undefined
}

const STRUCTURED: CloudEventForm = {
  format: 'CLOUDEVENTS_STRUCTURED',
  headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
}

export function formWebhook(format: WebhookFormat, content: WebhookContent): FormedWebhook {
  const body = Buffer.from(bodyText(format, content))
  if (format === 'STANDARD') return { body }
  if (format === 'CLOUDEVENTS_STRUCTURED') return { body, form: STRUCTURED }
  return { body, form: { format, headers: binaryHeaders(content) } }
}
