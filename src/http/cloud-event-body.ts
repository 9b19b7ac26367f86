/**
 * CloudEvents 1.0 over HTTP, in structured and binary mode (HTTP binding, §3). A CloudEvent is turned into the body
 * that it stands for before the schema of the route reads it, so that all events go the same way.
 */
import type { FastifyInstance, FastifyRequest, preValidationHookHandler } from 'fastify'
import { badInput, ServiceError } from '../errors.js'
import { type Names, publicationOfCloudEvent, type ReceivedCloudEvent } from '../events/cloud-event.js'
import { memberTexts } from '../events/raw-json.js'
import { parseJsonBody } from './json-body.js'

export const STRUCTURED_TYPE = 'application/cloudevents+json'
const BATCH_TYPE = 'application/cloudevents-batch+json'

/** Applies to the routes of `app`. */
export function parseCloudEvents(app: FastifyInstance): void {
  app.addContentTypeParser<Buffer>(STRUCTURED_TYPE, { parseAs: 'buffer' }, parseJsonBody)
  app.addContentTypeParser(BATCH_TYPE, { parseAs: 'buffer' }, (_request, _body, done) =>
    done(
      new ServiceError(
        'UNSUPPORTED_MEDIA_TYPE',
        `Batches of CloudEvents are not taken. Send each event by itself, as \`content-type: ${STRUCTURED_TYPE}\`.`,
      ),
    ),
  )
}

const HEADER_PREFIX = 'ce-'
/** A request with one of these is in binary mode, so that a missing one is named. */
const markers = ['ce-specversion', 'ce-id', 'ce-source', 'ce-type']

const inBody: Names = { attribute: (name) => name, data: 'data' }
const inHeaders: Names = { attribute: (name) => HEADER_PREFIX + name, data: '' }

export const readCloudEvent: preValidationHookHandler = (request, _reply, done) => {
  if (isStructured(request)) replaceBody(request, ...readStructured(request), inBody)
  else if (markers.some((name) => request.headers[name] !== undefined))
    replaceBody(request, readBinary(request), request.bodyText, inHeaders)
  done()
}

const isStructured = ({ headers }: FastifyRequest): boolean =>
  (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() === STRUCTURED_TYPE

/** @param dataText the producer's own text of `data` */
function replaceBody(
  request: FastifyRequest,
  event: ReceivedCloudEvent,
  dataText: string,
  names: Names,
): void {
  const body = publicationOfCloudEvent(event, names)
  request.body = body
  request.bodyText = `{"data":${dataText},"metadata":${JSON.stringify(body.metadata)}}`
}

/** JSON format, §2 and §3. @returns the event and the text of its data */
function readStructured({ body, bodyText }: FastifyRequest): [ReceivedCloudEvent, string] {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badInput([{ path: '', message: 'The body must be an object.' }])
  const { data, data_base64, ...members } = body as Record<string, unknown>
  if (data_base64 != null)
    throw badInput([{ path: 'data_base64', message: 'is not taken: send data as a JSON object' }])
  // Null is the same as absent (§2.2).
  const attributes = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))
  return [{ attributes, data }, memberTexts(bodyText).get('data') ?? 'null']
}

function readBinary({ headers, body: data }: FastifyRequest): ReceivedCloudEvent {
  const named = Object.entries(headers).filter(([name]) => name.startsWith(HEADER_PREFIX))
  const attributes = named.map(([name, value]) => [
    name.slice(HEADER_PREFIX.length),
    decodeHeader(name, String(value)),
  ])
  return { attributes: Object.fromEntries(attributes), data }
}

/** Some libraries do not encode, so a `%` that encodes nothing stands for itself. */
const BARE_PERCENT = /%(?![0-9A-Fa-f]{2})/g
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/

/** The value of an attribute in a header: first unquoted, then percent-decoded once (HTTP binding, §3.1.3.2). */
function decodeHeader(name: string, value: string): string {
  const text = QUOTED.exec(value)?.[1]?.replace(/\\(.)/g, '$1') ?? value
  try {
    if (/^[ -~]*$/.test(text)) return decodeURIComponent(text.replace(BARE_PERCENT, '%25'))
  } catch {
    // Bytes that are no UTF-8.
  }
  throw badInput([{ path: name, message: 'must be printable ASCII, with other characters percent-encoded' }])
}
