/**
 * How a delivery log keeps the details of its exchange: two short texts, because every attempt writes them and few are
 * ever read. Only this file knows their form.
 *
 * - `connection`: times and properties in a fixed order, separated by blanks; `-` for what there was not. At its end is
 *   the format of the webhook, where it is not STANDARD: the subscription may have another one by now.
 * - `headers`: the headers of the request, an empty line, and those of the answer, each a line as in HTTP.
 */
import { WebhookFormat } from '../generated/prisma/enums.js'
import { redactHeader, type Secrets } from './header-redaction.js'

/** Times of the phases in whole milliseconds. Null for a phase that the exchange did not have, or did not get to. */
export interface AttemptTimings {
  /** Of the look-up of the endpoint's name. */
  dnsMs: number | null
  /** Of TCP; with an outgoing proxy, of the whole way to the endpoint. */
  connectMs: number | null
  tlsMs: number | null
  /** From the request to the first byte of the answer. */
  firstByteMs: number | null
}

export interface AttemptConnection extends AttemptTimings {
  /** Whether an earlier exchange used the connection. Null when there was no connection. */
  isConnectionReused: boolean | null
  /** Whether the answer had more than was kept. */
  isTruncated: boolean
  httpVersion: string | null
  /** What the service connected to: the endpoint or the outgoing proxy. */
  remoteAddress: string | null
  /** The process that made the attempt. */
  worker: string | null
}

export type Headers = Record<string, string>

/** Of the headers of one side; the rest is left out. Above what ordinary services send. */
const MAX_HEADERS_LENGTH = 4096

const ABSENT = '-'
const written = (value: number | string | null): number | string => value ?? ABSENT
const flag = (value: boolean | null): string => (value === null ? ABSENT : value ? '1' : '0')

/** What is known of a connection itself, in its first exchange and in later ones. */
export type UsedConnection = Omit<AttemptConnection, 'firstByteMs' | 'isTruncated' | 'worker'>

/** Takes two objects, because making one of both costs more than all the rest. */
export const writeConnection = (
  used: UsedConnection,
  rest: Pick<AttemptConnection, 'firstByteMs' | 'isTruncated' | 'worker'>,
  format: WebhookFormat,
): string =>
  `${written(used.dnsMs)} ${written(used.connectMs)} ${written(used.tlsMs)} ${written(rest.firstByteMs)} ` +
  `${flag(used.isConnectionReused)} ${flag(rest.isTruncated)} ${written(used.httpVersion)} ` +
  `${written(used.remoteAddress)} ${written(rest.worker)}${format === 'STANDARD' ? '' : ` ${format}`}`

/** The place of the format in the text. */
const FORMAT = 9

/** The format of the webhook that an attempt sent. */
export const formatOf = (connection: string | null): WebhookFormat =>
  WebhookFormat[connection?.split(' ')[FORMAT] as WebhookFormat] ?? 'STANDARD'

function readConnection(text: string): AttemptConnection {
  const [dns, connect, tls, firstByte, isReused = ABSENT, isTruncated, httpVersion, address, worker] =
    text.split(' ')
  return {
    dnsMs: readNumber(dns),
    connectMs: readNumber(connect),
    tlsMs: readNumber(tls),
    firstByteMs: readNumber(firstByte),
    isConnectionReused: isReused === ABSENT ? null : isReused === '1',
    isTruncated: isTruncated === '1',
    httpVersion: readText(httpVersion),
    remoteAddress: readText(address),
    worker: readText(worker),
  }
}

/** What a log shows of its connection. @param text null in a log of the version before */
export function connectionFields(text: string | null, responseTimeMs: number) {
  const { dnsMs, connectMs, tlsMs, firstByteMs, isTruncated, ...rest } = readConnection(text ?? ABSENT)
  return { timings: { dnsMs, connectMs, tlsMs, firstByteMs, totalMs: responseTimeMs }, ...rest }
}

const readText = (text = ABSENT): string | null => (text === ABSENT ? null : text)
const readNumber = (text = ABSENT): number | null => (text === ABSENT ? null : Number(text))

/** As undici gives them: lower-case names, the values of a repeated header in a list. */
export type ExchangedHeaders = Readonly<Record<string, string | string[] | undefined>>

/**
 * @param request undefined when none was made
 * @param response undefined when no answer came
 */
export function writeHeaders(
  request: ExchangedHeaders | undefined,
  response: ExchangedHeaders | undefined,
  secrets: Secrets,
): { text: string; isTruncated: boolean } {
  const sent = writeLines(request, secrets)
  const answered = writeLines(response, secrets)
  const text = response === undefined ? sent.text : `${sent.text}\n${answered.text}`
  // PostgreSQL keeps no NUL in texts, and HTTP has none in headers.
  return {
    text: text.includes('\0') ? text.replaceAll('\0', '') : text,
    isTruncated: sent.isTruncated || answered.isTruncated,
  }
}

function writeLines(
  headers: ExchangedHeaders = {},
  secrets: Secrets,
): { text: string; isTruncated: boolean } {
  let text = ''
  let isTruncated = false
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined) continue
    const line = `${name}: ${redactHeader(name, typeof value === 'string' ? value : value.join(', '), secrets)}\n`
    if (text.length + line.length > MAX_HEADERS_LENGTH) isTruncated = true
    else text += line
  }
  return { text, isTruncated }
}

/** Each is undefined where there was none. */
function readHeaders(text: string): { request?: Headers; response?: Headers } {
  // Every line ends with a line break, so an empty line begins at once or behind another line break.
  const border = text.startsWith('\n') ? 0 : text.indexOf('\n\n') + 1
  const hasResponse = border > 0 || text.startsWith('\n')
  const [request, response] = hasResponse ? [text.slice(0, border), text.slice(border + 1)] : [text]
  return {
    ...(request !== '' && { request: readLines(request) }),
    ...(response !== undefined && { response: readLines(response) }),
  }
}

/** Names an attempt, for what is kept of it. */
export const attemptId = (deliveryId: string, attempt: number): string => `${deliveryId}/${attempt}`

/** SQL: the same of a row of delivery logs. */
export const sqlAttemptId = (log: string): string => `${log}."deliveryId" || '/' || ${log}.attempt`

/** Bytes that are no UTF-8 become U+FFFD. A character that was cut off at the end is left out. */
const bodyText = (body: Uint8Array, isTruncated: boolean): string =>
  new TextDecoder().decode(body, { stream: isTruncated })

/** What a log shows of its exchange. Both are null in a log of the version before. */
export interface ShownExchange {
  /** Null when no request could be made. */
  request: { headers: Headers } | null
  /** Null when no answer came. */
  response: { headers: Headers; body: string | null; isTruncated: boolean } | null
}

/** @param body of the answer; undefined where none was kept, or none can be read */
export function exchangeFields(
  row: { connection: string | null; headers: string | null },
  body: Uint8Array | undefined,
): ShownExchange {
  const { request, response } = readHeaders(row.headers ?? '')
  const { isTruncated } = readConnection(row.connection ?? ABSENT)
  return {
    request: request === undefined ? null : { headers: request },
    response:
      response === undefined
        ? null
        : { headers: response, body: body === undefined ? null : bodyText(body, isTruncated), isTruncated },
  }
}

const readLines = (text = ''): Headers =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const border = line.indexOf(': ')
      return border < 0 ? [] : [[line.slice(0, border), line.slice(border + 2)]]
    }),
  )
