/**
 * For receivers: that a webhook comes from the service, unchanged and now (Standard Webhooks 1.0.0). On Web Crypto
 * alone, so that it runs on Node.js, in edge runtimes and in browsers alike.
 */

/** What a webhook says. */
export interface WebhookEvent<Data = Record<string, unknown>, Metadata = Record<string, unknown>> {
  /** The same on every attempt: what to dedupe on. */
  id: string
  type: string
  /** ISO 8601, UTC. */
  createdAt: string
  payload: { data: Data; metadata: Metadata | null }
}

export interface VerifyWebhookOptions {
  /** As the service gave it: base64 after `whsec_`, any other text as its UTF-8 bytes. */
  secret?: string
  /** Several, while one replaces another: any one of them will do. */
  secrets?: readonly string[]
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>
  /** The very bytes that came, or their text; never JSON that was parsed and printed again. */
  body: string | Uint8Array
  /** How far the attempt's time may be from now, on either side. */
  toleranceSeconds?: number
  now?: Date
}

/** `code` says what is wrong, `message` says it to people. */
export class WebhookVerificationError extends Error {
  override name = 'WebhookVerificationError'
  readonly code: 'MISSING_HEADER' | 'BAD_TIMESTAMP' | 'STALE_TIMESTAMP' | 'BAD_SIGNATURE' | 'BAD_BODY'

  constructor(code: WebhookVerificationError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Rejects with WebhookVerificationError; with TypeError when there is no usable secret, or the body is not the raw one.
 */
export async function verifyWebhook<Data = Record<string, unknown>, Metadata = Record<string, unknown>>(
  options: VerifyWebhookOptions,
): Promise<WebhookEvent<Data, Metadata>> {
  const { secret, secrets = [], headers, body, toleranceSeconds = 300, now = new Date() } = options
  const keys = await Promise.all([...(secret === undefined ? [] : [secret]), ...secrets].map(importKey))
  if (keys.length === 0) throw new TypeError('verifyWebhook needs a secret')
  const bytes = bytesOf(body)

  const id = header(headers, 'webhook-id')
  const timestamp = header(headers, 'webhook-timestamp')
  const signatures = header(headers, 'webhook-signature')
  checkTime(timestamp, toleranceSeconds, now)

  const signed = concatenate(encode(`${id}.${timestamp}.`), bytes)
  if (!(await isSigned(signatures, keys, signed))) {
    throw new WebhookVerificationError(
      'BAD_SIGNATURE',
      'The signature fits no secret: the body or a header was changed, or the secret is another one.',
    )
  }
  return parse<WebhookEvent<Data, Metadata>>(bytes)
}

type Bytes = Uint8Array<ArrayBuffer>
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const encode = (text: string): Bytes => new TextEncoder().encode(text)

/** JSON that was parsed and printed again may be other bytes than those that were signed. */
function bytesOf(body: string | Uint8Array): Bytes {
  if (typeof body === 'string') return encode(body)
  if (body instanceof Uint8Array) return new Uint8Array(body)
  throw new TypeError(
    'verifyWebhook needs the raw body, as text or bytes, and was given a parsed one. Read it before a JSON parser does.',
  )
}

function concatenate(one: Bytes, other: Bytes): Bytes {
  const all = new Uint8Array(one.length + other.length)
  all.set(one)
  all.set(other, one.length)
  return all
}

function importKey(secret: string): Promise<Key> {
  const prefix = 'whsec_'
  const key = secret.startsWith(prefix) ? decodeBase64(secret.slice(prefix.length)) : encode(secret)
  // An empty key signs for anybody.
  if (key === undefined || key.length === 0) throw new TypeError('verifyWebhook was given an unusable secret')
  return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

function decodeBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

function header(headers: VerifyWebhookOptions['headers'], name: string): string {
  const value = isHeaders(headers)
    ? headers.get(name)
    : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
  const text = Array.isArray(value) ? value.join(' ') : value
  if (!text) throw new WebhookVerificationError('MISSING_HEADER', `The header ${name} is missing.`)
  return text
}

const isHeaders = (headers: VerifyWebhookOptions['headers']): headers is Headers =>
  typeof headers.get === 'function'

function checkTime(timestamp: string, toleranceSeconds: number, now: Date): void {
  if (!/^\d{1,15}$/.test(timestamp)) {
    throw new WebhookVerificationError('BAD_TIMESTAMP', 'The header webhook-timestamp is not whole seconds.')
  }
  const ageSeconds = Math.floor(now.getTime() / 1000) - Number(timestamp)
  if (Math.abs(ageSeconds) <= toleranceSeconds) return
  const where = ageSeconds > 0 ? 'old' : 'ahead of the clock here'
  throw new WebhookVerificationError(
    'STALE_TIMESTAMP',
    `The webhook is ${Math.abs(ageSeconds)} s ${where}; at most ${toleranceSeconds} s are taken.`,
  )
}

/** Every signature is compared with every key, in constant time: how long it takes says nothing of what was right. */
async function isSigned(signatures: string, keys: Key[], signed: Bytes): Promise<boolean> {
  const given = signatures
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => decodeBase64(signature.slice('v1,'.length)))
  const compared = await Promise.all(
    given.flatMap((digest) =>
      digest === undefined ? [] : keys.map((key) => crypto.subtle.verify('HMAC', key, digest, signed)),
    ),
  )
  return compared.includes(true)
}

function parse<Event>(body: Bytes): Event {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as Event
  } catch {
    throw new WebhookVerificationError('BAD_BODY', 'The signature is right, but the body is not JSON.')
  }
}
