/** The headers that a subscription adds to its webhooks: which names and values may be set. */
import { z } from 'zod'
import { badInput } from '../errors.js'
import { namedValues } from '../platform/named-values.js'
import { isSealed, LOOKS_SEALED } from '../secrets/cipher.js'

const MAX_HEADERS = 20
const MAX_NAME_LENGTH = 128
const MAX_VALUE_LENGTH = 2048
/** Of one map: many servers take no more than 8 KiB of headers. */
const MAX_HEADERS_BYTES = 3072

export const headerForms = {
  headers:
    `Sent with every request: at most ${MAX_HEADERS} values by name. Names are taken in lower case. Headers that the ` +
    'service or HTTP itself sets can not be set: `host`, `content-*`, `webhook-*`, `user-agent`, `connection`, …',
  secretHeaders:
    'The same, with values that are stored encrypted and never shown: answers have their names only. ' +
    'They replace all secret headers that there were.',
} as const

/** A token of RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const isToken = (name: string): boolean => name.length <= MAX_NAME_LENGTH && TOKEN.test(name)
/** A field value of RFC 9110 §5.5, without the bytes beyond ASCII: receivers don't agree about those. */
const FIELD_VALUE = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/
const isFieldValue = (value: string): boolean => value.length <= MAX_VALUE_LENGTH && FIELD_VALUE.test(value)

/** What the service sets, what belongs to the connection (RFC 9110 §7.6.1), and what undici would refuse. */
const setByOthers = new Set([
  ...['host', 'user-agent', 'date', 'expect'],
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
])
const isSetByOthers = (name: string): boolean =>
  setByOthers.has(name) || /^(?:content|webhook|proxy)-/.test(name)

function refusalOf(name: string, value: string): string | undefined {
  if (!isToken(name)) return `must have a header name of RFC 9110, of at most ${MAX_NAME_LENGTH} characters`
  if (isSetByOthers(name.toLowerCase())) return 'can not be set: the service or HTTP itself sets this header'
  if (!isFieldValue(value))
    return `must be printable ASCII without blanks at the ends, of at most ${MAX_VALUE_LENGTH} characters`
  if (isSealed(value)) return LOOKS_SEALED
  return undefined
}

const headerMap = (description: string) =>
  namedValues(
    z.string().meta({ maxLength: MAX_NAME_LENGTH, pattern: TOKEN.source }),
    z.string().meta({ maxLength: MAX_VALUE_LENGTH, pattern: FIELD_VALUE.source }),
  )
    .superRefine((headers, context) => {
      const names = Object.keys(headers)
      if (names.length > MAX_HEADERS) context.addIssue(`must have at most ${MAX_HEADERS} headers`)
      const bytes = Object.entries(headers).reduce((sum, pair) => sum + pair.join('').length, 0)
      if (bytes > MAX_HEADERS_BYTES) context.addIssue(`must have at most ${MAX_HEADERS_BYTES} bytes`)
      const known = new Set<string>()
      for (const name of names) {
        const isTwice = known.size === known.add(name.toLowerCase()).size
        const refusal = isTwice ? 'is there twice' : refusalOf(name, headers[name] ?? '')
        if (refusal !== undefined) context.addIssue({ code: 'custom', path: [name], message: refusal })
      }
    })
    .meta({ description, maxProperties: MAX_HEADERS })
    .transform((headers) =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    )

export const headerFields = {
  headers: headerMap(headerForms.headers).nullish(),
  secretHeaders: headerMap(headerForms.secretHeaders).nullish(),
}

/** A name may be in one of the maps only. @throws ServiceError BAD_USER_INPUT */
export function checkHeaders(plain: object | null | undefined, secret: object | null | undefined): void {
  const twice = Object.keys(plain ?? {}).filter((name) => Object.hasOwn(secret ?? {}, name))
  if (twice.length === 0) return
  throw badInput(twice.map((name) => ({ path: `headers.${name}`, message: 'is among secretHeaders, too' })))
}

/** With a format of CloudEvents, `ce-` headers are the attributes of the event. @throws ServiceError BAD_USER_INPUT */
export function checkCloudEventHeaders(maps: Record<string, object | null | undefined>): void {
  const errors = Object.entries(maps).flatMap(([map, headers]) =>
    Object.keys(headers ?? {})
      .filter((name) => name.startsWith('ce-'))
      .map((name) => ({
        path: `${map}.${name}`,
        message: 'can not be set with this format: the service sets the attributes of CloudEvents',
      })),
  )
  if (errors.length > 0) throw badInput(errors)
}
