/**
 * CloudEvents 1.0: an event as its context attributes (core spec, §3), and in the two modes of the HTTP binding (§3).
 *
 * Attributes beside the required ones come from the producer's `metadata`: the members that fit. Together they are
 * bounded, because in binary mode they are headers, and servers take few kilobytes of those.
 */
import type { WebhookContent } from './webhook-body.js'

/** The member of `metadata` that becomes the `id`. No attribute can have this name, so it is never an extension. */
export const ID_MEMBER = 'cloudEventId'
/** Of an event whose producer named none. */
const DEFAULT_SOURCE = '/v1/events'
export const SPEC_VERSION = '1.0'

/** Of names and percent-encoded values. */
export const MAX_ATTRIBUTE_BYTES = 4096
export const MAX_EXTENSIONS = 50
/** The spec recommends at most 20 characters (§3.1), and lets producers have more. */
export const MAX_ATTRIBUTE_NAME_LENGTH = 64

/** The types that JSON keeps; others are strings. An integer has 32 bits with its sign. */
export type AttributeValue = string | number | boolean
export type Attributes = Record<string, AttributeValue>

/** Names of attributes and of members beside them in JSON, which no extension may have. */
const reservedNames = new Set([
  ...['specversion', 'id', 'source', 'type', 'time', 'datacontenttype', 'subject', 'dataschema', 'data'],
])
export const isExtensionName = (name: string): boolean =>
  /^[a-z0-9]+$/.test(name) && name.length <= MAX_ATTRIBUTE_NAME_LENGTH && !reservedNames.has(name)

/** Control characters, broken surrogate pairs and noncharacters: what no string of an attribute may hold (§3.2). */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u
const MAX_INTEGER = 2 ** 31

const isAttributeText = (value: unknown): value is string =>
  typeof value === 'string' && !FORBIDDEN.test(value)
export const isAttributeValue = (value: unknown): value is AttributeValue =>
  typeof value === 'boolean' ||
  isAttributeText(value) ||
  (Number.isInteger(value) && (value as number) >= -MAX_INTEGER && (value as number) < MAX_INTEGER)

export const isNamed = (value: unknown): value is string => isAttributeText(value) && value !== ''

/** What no URI may hold (RFC 3986, §2), and a `%` that encodes nothing. */
const NOT_IN_URIS = /[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]|%(?![0-9A-Fa-f]{2})/gu

/** A URI-reference, with what none may hold percent-encoded. Undefined for what is no text, or none that fits. */
export const toUriReference = (value: unknown): string | undefined =>
  isNamed(value) ? value.replace(NOT_IN_URIS, encodeURIComponent) : undefined

/** A URI with its scheme. */
export function toUri(value: unknown): string | undefined {
  const reference = toUriReference(value)
  return reference !== undefined && /^[A-Za-z][A-Za-z0-9+.-]*:/.test(reference) ? reference : undefined
}

/** Space, `"`, `%` and what is not printable ASCII, as the HTTP binding encodes it in headers (§3.1.3.2). */
const NOT_IN_HEADERS = /[^!#$&-~]/gu
export const toHeaderValue = (value: AttributeValue): string =>
  String(value).replace(NOT_IN_HEADERS, encodeURIComponent)

/** What an attribute takes of `MAX_ATTRIBUTE_BYTES`. */
export const attributeBytes = (name: string, value: AttributeValue): number =>
  name.length + toHeaderValue(value).length

/** The context attributes of an event. Members of `metadata` that do not fit, or fit no more, are left out. */
function attributesOf({ eventId, type, createdAt, metadata }: WebhookContent): Attributes {
  const members: Record<string, unknown> = metadata === null ? {} : JSON.parse(metadata)
  let bytes = 0
  const fits = (name: string, value: AttributeValue): boolean => {
    const more = attributeBytes(name, value)
    if (bytes + more > MAX_ATTRIBUTE_BYTES) return false
    bytes += more
    return true
  }
  const id = members[ID_MEMBER]
  const source = toUriReference(members.source)
  const attributes: Attributes = {
    specversion: SPEC_VERSION,
    id: isNamed(id) && fits('id', id) ? id : eventId,
    source: source !== undefined && fits('source', source) ? source : DEFAULT_SOURCE,
    type,
    time: createdAt.toISOString(),
    datacontenttype: 'application/json',
  }
  const { subject } = members
  const dataschema = toUri(members.dataschema)
  if (isNamed(subject) && fits('subject', subject)) attributes.subject = subject
  if (dataschema !== undefined && fits('dataschema', dataschema)) attributes.dataschema = dataschema
  let extensions = 0
  for (const [name, value] of Object.entries(members)) {
    if (extensions === MAX_EXTENSIONS) break
    if (!isExtensionName(name) || !isAttributeValue(value) || !fits(name, value)) continue
    attributes[name] = value
    extensions += 1
  }
  return attributes
}

/** The body of structured mode. `data` stays in the producer's own text. */
export function structuredText(content: WebhookContent): string {
  const attributes = JSON.stringify(attributesOf(content))
  return `${attributes.slice(0, -1)},"data":${content.data}}`
}

/** The headers of binary mode. */
export function binaryHeaders(content: WebhookContent): Record<string, string> {
  const { datacontenttype, ...attributes } = attributesOf(content)
  const headers: Record<string, string> = { 'content-type': String(datacontenttype) }
  for (const [name, value] of Object.entries(attributes)) headers[`ce-${name}`] = toHeaderValue(value)
  return headers
}
