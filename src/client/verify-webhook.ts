/**
 * For receivers: verifies a webhook's origin, content and time (Standard Webhooks 1.0.0). It uses only Web Crypto, so
 * it runs on Node.js, in edge runtimes and in browsers. Ed25519 came late to these: without it, `whpk_` keys are
 * refused.
 */

/** The body of a webhook. */
export interface WebhookEvent<Data = Record<string, unknown>, Metadata = Record<string, unknown>> {
  /** The same on every attempt: deduplicate by it. */
  id: string
  type: string
  /** ISO 8601, UTC. */
  createdAt: string
  payload: { data: Data; metadata: Metadata | null }
}

export interface VerifyWebhookOptions {
  /**
   * As the service gave it. A `whpk_` public key verifies `v1a` signatures, every other secret `v1` signatures: its key
   * is the decoded base64 after `whsec_`, or the UTF-8 bytes of any other text.
   */
  secret?: string
  /** Several, while a new secret replaces an old one. A signature by any of them is valid. */
  secrets?: readonly string[]
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>
  /** The received bytes, or their text; never JSON after a parser and a printer. */
  body: string | Uint8Array
  /** The largest distance of the attempt's time from now, before or after it. */
  toleranceSeconds?: number
  now?: Date
}

/** `code` is for programs, `message` is for people. */
export class WebhookVerificationError extends Error {
  override name = 'WebhookVerificationError'
  readonly code: 'MISSING_HEADER' | 'BAD_TIMESTAMP' | 'STALE_TIMESTAMP' | 'BAD_SIGNATURE' | 'BAD_BODY'

  constructor(code: WebhookVerificationError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * @throws WebhookVerificationError
 * @throws TypeError when there is no usable secret, or the body is not the raw one
 * @throws DOMException `NotSupportedError` by a Web Crypto without Ed25519, for a `whpk_` key
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
type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** A key, and how the signatures begin that it verifies: a public key must never serve as a secret. */
interface Key {
  key: CryptoKey
  version: 'v1,' | 'v1a,'
}

const encode = (text: string): Bytes => new TextEncoder().encode(text)

/** Refuses parsed JSON: printed again, it may differ from the signed bytes. */
function bytesOf(body: string | Uint8Array): Uint8Array {
  if (typeof body === 'string') return encode(body)
  if (body instanceof Uint8Array) return body
  throw new TypeError(
    'verifyWebhook needs the raw body, as text or bytes, and was given a parsed one. Read it before a JSON parser does.',
  )
}

function concatenate(one: Uint8Array, other: Uint8Array): Bytes {
  const all = new Uint8Array(one.length + other.length)
  all.set(one)
  all.set(other, one.length)
  return all
}

async function importKey(secret: string): Promise<Key> {
  const [, prefix] = /^(whsec_|whpk_)/.exec(secret) ?? []
  const bytes = prefix ? decodeBase64(secret.slice(prefix.length)) : encode(secret)
  const isPublic = prefix === 'whpk_'
  // With an empty key, anyone could sign.
  if (!bytes?.length || (isPublic && bytes.length !== 32))
    throw new TypeError('verifyWebhook was given an unusable secret')
  const algorithm = isPublic ? 'Ed25519' : { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify'])
  return { key, version: isPublic ? 'v1a,' : 'v1,' }
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

/** Compares every signature with every key, in constant time: its duration does not reveal the right bytes. */
async function isSigned(signatures: string, keys: Key[], signed: Bytes): Promise<boolean> {
  const compared = await Promise.all(
    signatures.split(' ').flatMap((signature) =>
      keys.map(({ key, version }) => {
        const given = signature.startsWith(version) && decodeBase64(signature.slice(version.length))
        return given && crypto.subtle.verify(key.algorithm.name, key, given, signed)
      }),
    ),
  )
  return compared.includes(true)
}

function parse<Event>(body: Uint8Array): Event {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as Event
  } catch {
    throw new WebhookVerificationError('BAD_BODY', 'The signature is right, but the body is not JSON.')
  }
}
