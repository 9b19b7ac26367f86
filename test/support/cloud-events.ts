/** What the `cloudevents` package, a foreign reader and writer of CloudEvents, says of webhooks and events. */
import { type CloudEventV1, HTTP } from 'cloudevents'
import type { ReceivedRequest } from './receiver.js'

export type Attributes = Record<string, unknown>

/**
 * The event in a webhook, checked against the schema of CloudEvents 1.0. The package leaves header values
 * percent-encoded, so they are decoded here.
 *
 * @throws ValidationError
 */
export function readCloudEvent({ headers, body }: ReceivedRequest): Attributes {
  const event = HTTP.toEvent({ headers, body }) as CloudEventV1<unknown> & {
    validate(): boolean
    toJSON(): Attributes
  }
  event.validate()
  const isBinary = headers['ce-specversion'] !== undefined
  const decode = (value: unknown) =>
    isBinary && typeof value === 'string' ? decodeURIComponent(value) : value
  // It names all attributes of the spec, those without a value too.
  const attributes = Object.entries(event.toJSON()).filter(([, value]) => value !== undefined)
  return Object.fromEntries(attributes.map(([name, value]) => [name, decode(value)]))
}
