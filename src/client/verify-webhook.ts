/** For receivers: that a webhook comes from the service, unchanged and now (Standard Webhooks 1.0.0). */
import { createHmac, timingSafeEqual } from 'node:crypto'

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

/** @throws WebhookVerificationError; TypeError when there is no usable secret */
export function verifyWebhook<Data = Record<string, unknown>, Metadata = Record<string, unknown>>(
  options: VerifyWebhookOptions,
): WebhookEvent<Data, Metadata> {
  const { secret, secrets = [], headers, body, toleranceSeconds = 300, now = new Date() } = options
  const keys = [...(secret === undefined ? [] : [secret]), ...secrets].map(toKey)
  if (keys.length === 0) throw new TypeError('verifyWebhook needs a secret')

  const id = header(headers, 'webhook-id')
  const timestamp = header(headers, 'webhook-timestamp')
  const signatures = header(headers, 'webhook-signature')
  checkTime(timestamp, toleranceSeconds, now)

  const expected = keys.map((key) =>
    createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest(),
  )
  if (!isSigned(signatures, expected)) {
    throw new WebhookVerificationError(
      'BAD_SIGNATURE',
      'The signature fits no secret: the body or a header was changed, or the secret is another one.',
    )
  }
  return parse<WebhookEvent<Data, Metadata>>(body)
}

function toKey(secret: string): Buffer {
  const prefix = 'whsec_'
  const key = secret.startsWith(prefix)
    ? Buffer.from(secret.slice(prefix.length), 'base64')
    : Buffer.from(secret, 'utf8')
  // An empty key signs for anybody.
  if (key.length === 0) throw new TypeError('verifyWebhook was given an empty secret')
  return key
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

/** Every pair is compared, each in constant time: how long it takes tells nothing of what was right. */
function isSigned(signatures: string, expected: Buffer[]): boolean {
  let isOne = false
  for (const signature of signatures.split(' ')) {
    if (!signature.startsWith('v1,')) continue
    const given = Buffer.from(signature.slice('v1,'.length), 'base64')
    for (const digest of expected) {
      isOne = (given.length === digest.length && timingSafeEqual(given, digest)) || isOne
    }
  }
  return isOne
}

function parse<Event>(body: string | Uint8Array): Event {
  try {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body)) as Event
  } catch {
    throw new WebhookVerificationError('BAD_BODY', 'The signature is right, but the body is not JSON.')
  }
}
