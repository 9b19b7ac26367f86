/**
 * The delivery policy of a subscription: where its deliveries differ from the settings because its owner said so. Here
 * is how it is stored and read; `src/subscriptions/delivery-policy.ts` checks what comes in.
 */

/** How often a delivery is attempted, and how long it waits in between. */
export interface RetryPolicy {
  maxAttempts: number
  backoffBaseSeconds: number
  backoffMaxSeconds: number
  /** The waits after each failure, instead of a backoff: n of them are n + 1 attempts. */
  scheduleSeconds?: readonly number[] | undefined
}

/** What the owner of a subscription chose. The settings have the rest. */
export type OwnRetryPolicy = { [Name in keyof RetryPolicy]?: RetryPolicy[Name] | undefined }

/** What an attempt needs to know of a policy, as it is stored; null where the owner chose nothing. */
export interface StoredDeliveryPolicy {
  retryPolicy: OwnRetryPolicy | null
  timeoutMs: number | null
  maxInFlight: number | null
  headers: Record<string, string> | null
  /** Values as they are stored: see `src/secrets/credentials.ts`. */
  secretHeaders: Record<string, string> | null
  auth: StoredAuth | null
  clientCertificate: StoredClientCertificate | null
}

/** How requests are authorized: one of the three, and its secret as it is stored. */
export type StoredAuth = ShownAuth & { secret: string }

/** The parts that may be shown. */
export interface ShownAuth {
  basic?: { username: string }
  bearer?: Record<string, never>
  oauth2?: OAuth2Settings
}

/** A client of RFC 6749 §4.4, without its secret. */
export interface OAuth2Settings {
  tokenUrl: string
  clientId: string
  scope?: string | undefined
  audience?: string | undefined
}

/** What is shown to an endpoint that asks for a client certificate. */
export interface StoredClientCertificate extends ShownClientCertificate {
  /** PEM: the certificate, and those between it and its authority. */
  certificate: string
  /** PEM, as it is stored: see `src/secrets/credentials.ts`. */
  privateKey: string
}

/** What may be shown of a certificate. */
export interface ShownClientCertificate {
  /** `O=Example, CN=events`. */
  subject: string
  issuer: string
  /** Hexadecimal. */
  serialNumber: string
  /** SHA-256 of the certificate: `3F:9A:…`. */
  fingerprint256: string
  /** ISO 8601. */
  validFrom: string
  validTo: string
}

const columns = [
  ...(['retryPolicy', 'timeoutMs', 'maxInFlight', 'headers', 'secretHeaders', 'auth'] as const),
  'clientCertificate',
] satisfies (keyof StoredDeliveryPolicy)[]

/**
 * SQL: the column `deliveryPolicy`, a `StoredDeliveryPolicy` of the subscription `s`. Null for a subscription that
 * follows the settings, for which nothing more is read.
 */
export const sqlDeliveryPolicy = (s: string): string => `
           case when ${columns.map((column) => `${s}."${column}" is not null`).join(' or ')}
             then jsonb_build_object(${columns.map((column) => `'${column}', ${s}."${column}"`).join(', ')})
           end as "deliveryPolicy"`

/** The policy that decides about a delivery: the owner's choice, and the settings where there is none. */
export function retryPolicyOf(own: OwnRetryPolicy | null | undefined, settings: RetryPolicy): RetryPolicy {
  if (own == null) return settings
  const { scheduleSeconds } = own
  if (scheduleSeconds === undefined) return { ...settings, ...own } as RetryPolicy
  return { ...settings, scheduleSeconds, maxAttempts: scheduleSeconds.length + 1 }
}
