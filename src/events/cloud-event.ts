/**
 * CloudEvents 1.0 as input: which attributes are taken, and the publication that an event stands for. What an event
 * here has no field for becomes members of `metadata`, from where webhooks in CloudEvents take it again. So does the
 * extension `tenant`, which is the tenant of the event as well, and `partitionkey`, which is its ordering key.
 */
import { createHash } from 'node:crypto'
import { badInput, type InputError } from '../errors.js'
import {
  type Attributes,
  attributeBytes,
  ID_MEMBER,
  isAttributeValue,
  isExtensionName,
  isNamed,
  MAX_ATTRIBUTE_BYTES,
  MAX_ATTRIBUTE_NAME_LENGTH,
  MAX_EXTENSIONS,
  SPEC_VERSION,
  toHeaderValue,
  toUri,
  toUriReference,
} from '../model/cloud-event.js'
import { publishedType } from '../model/event-type.js'
import { tenant } from '../model/tenant.js'
import { parseIsoTime, WRONG_ISO_TIME } from '../platform/iso-time.js'
import { jsonObject, MAX_KEY_LENGTH, orderingKey, type publicationBody } from './publication.js'

/** As it came, attributes without those that are null; `data` is undefined where there was none. */
export interface ReceivedCloudEvent {
  attributes: Record<string, unknown>
  data: unknown
}

/** How a request names things, for its errors. */
export interface Names {
  attribute(name: string): string
  data: string
}

const required = ['specversion', 'id', 'source', 'type']
const NO_TEXT = 'must be a string that is not empty and has no control characters'
const JSON_TYPE = /^application\/json\s*(;\s*charset="?utf-?8"?\s*)?$/i

function refusalOfTime(value: unknown): string | undefined {
  return typeof value === 'string' && parseIsoTime(value) !== undefined ? undefined : WRONG_ISO_TIME
}

/** What is wrong with the value of an attribute; undefined when nothing is. */
const refusals: Record<string, (value: unknown) => string | undefined> = {
  specversion: (value) => (value === SPEC_VERSION ? undefined : `must be "${SPEC_VERSION}"`),
  id: (value) => (isNamed(value) ? undefined : NO_TEXT),
  source: (value) => (toUriReference(value) === undefined ? NO_TEXT : undefined),
  tenant: (value) => tenant.safeParse(value).error?.issues[0]?.message,
  type: (value) => publishedType.safeParse(value).error?.issues[0]?.message,
  time: refusalOfTime,
  expirytime: refusalOfTime,
  partitionkey: (value) => orderingKey.safeParse(value).error?.issues[0]?.message,
  subject: (value) => (isNamed(value) ? undefined : NO_TEXT),
  dataschema: (value) => (toUri(value) === undefined ? 'must be a URI with its scheme' : undefined),
  datacontenttype: (value) =>
    typeof value === 'string' && JSON_TYPE.test(value)
      ? undefined
      : 'must be application/json: no other data is taken',
}

function refusalOf(name: string, value: unknown): string | undefined {
  const refuse = Object.hasOwn(refusals, name) ? refusals[name] : undefined
  if (refuse !== undefined) return refuse(value)
  if (!isExtensionName(name))
    return `is no attribute: names have 1 to ${MAX_ATTRIBUTE_NAME_LENGTH} characters of a-z 0-9`
  if (isAttributeValue(value)) return undefined
  return 'must be a string without control characters, a boolean or a whole number of 32 bits'
}

function checkCloudEvent({ attributes, data }: ReceivedCloudEvent, names: Names): void {
  const errors: InputError[] = []
  for (const name of required)
    if (attributes[name] === undefined)
      errors.push({ path: names.attribute(name), message: 'is required in a CloudEvent' })
  for (const [name, value] of Object.entries(attributes)) {
    const message = refusalOf(name, value)
    if (message !== undefined) errors.push({ path: names.attribute(name), message })
  }
  const wrongData = jsonObject.safeParse(data, { reportInput: true }).error?.issues[0]?.message
  if (wrongData !== undefined) errors.push({ path: names.data, message: wrongData })
  if (errors.length > 0) throw badInput(errors)
}

/** What webhooks in CloudEvents could not carry on must not be taken. */
function checkSize({ [ID_MEMBER]: id = '', ...attributes }: Attributes): void {
  const bytes = Object.entries({ ...attributes, id }).reduce(
    (sum, [name, value]) => sum + attributeBytes(name, value),
    0,
  )
  const extensions = Object.keys(attributes).filter(isExtensionName).length
  if (bytes > MAX_ATTRIBUTE_BYTES)
    throw badInput([{ path: '', message: `The attributes take more than ${MAX_ATTRIBUTE_BYTES} bytes.` }])
  if (extensions > MAX_EXTENSIONS)
    throw badInput([{ path: '', message: `The event has more than ${MAX_EXTENSIONS} extensions.` }])
}

/** `source` and `id` name an event (core spec, §3.1). The blank between them is in neither. */
function keyOf(source: string, id: string): string {
  const key = `${source} ${toHeaderValue(id)}`
  return key.length <= MAX_KEY_LENGTH ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`
}

/**
 * The body of `POST /v1/events` that a CloudEvent stands for.
 *
 * @throws ServiceError BAD_USER_INPUT, with all that is wrong
 */
export function publicationOfCloudEvent(
  event: ReceivedCloudEvent,
  names: Names,
): Record<keyof typeof publicationBody.shape, unknown> & { metadata: Attributes } {
  checkCloudEvent(event, names)
  const { specversion, id, source, type, time, datacontenttype, dataschema, ...others } = event.attributes
  const from = toUriReference(source) as string
  const metadata = {
    ...{ [ID_MEMBER]: id, source: from },
    ...(dataschema !== undefined && { dataschema: toUri(dataschema) }),
    ...others,
  } as Attributes
  checkSize(metadata)
  // An extension that CloudEvents documents, which therefore stays one. It documents none for `deliverAt`.
  const times = { createdAt: time, deliverAt: undefined, expiresAt: metadata.expirytime }
  return {
    ...{ type, tenant: others.tenant, data: event.data, metadata, ...times },
    orderingKey: metadata.partitionkey,
    eventId: keyOf(from, id as string),
  }
}
