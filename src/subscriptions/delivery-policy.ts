/** The fields of a subscription by which its owner decides how deliveries are made, with their bounds. */
import { z } from 'zod'
import { Prisma } from '../generated/prisma/client.js'
import type { WebhookFormat } from '../generated/prisma/enums.js'
import type { OwnRetryPolicy } from '../model/delivery-policy.js'
import { optional } from '../platform/optional.js'
import type { SecretCipher } from '../secrets/cipher.js'
import { sealHeaders } from '../secrets/credentials.js'
import { authField, checkAuthorization, toStoredAuth, visibleAuth } from './auth.js'
import {
  checkCertificateUse,
  clientCertificateField,
  toStoredClientCertificate,
  visibleClientCertificate,
} from './client-certificate.js'
import { checkCloudEventHeaders, checkHeaders, headerFields } from './headers.js'

const MAX_ATTEMPTS = 100
/** Seven days. */
const MAX_WAIT_SECONDS = 604_800
const MAX_TIMEOUT_MS = 120_000
const MAX_IN_FLIGHT = 500

/** What each field may be, as both faces document it. */
export const policyForms = {
  maxAttempts: `Attempts before DEAD: 1 to ${MAX_ATTEMPTS}.`,
  backoffBaseSeconds: `The wait after the first failure, doubled after each further one: 0 to ${MAX_WAIT_SECONDS}.`,
  backoffMaxSeconds: `The longest of these waits: 0 to ${MAX_WAIT_SECONDS}.`,
  scheduleSeconds:
    `The wait after each failure instead, without jitter: at most ${MAX_ATTEMPTS - 1} waits of 0 to ` +
    `${MAX_WAIT_SECONDS} seconds. n waits are n + 1 attempts.`,
  retryPolicy:
    'How often a delivery is attempted: by a backoff, where the settings stand for what is absent, or by ' +
    '`scheduleSeconds`. Null for the settings.',
  timeoutMs: `The deadline of an attempt, from the look-up of the name to the last byte: 1 to ${MAX_TIMEOUT_MS}; null for the setting.`,
  maxInFlight: `The most requests at a time, over all workers: 1 to ${MAX_IN_FLIGHT}; null for no limit of its own.`,
} as const

const wholeNumber = (max: number) =>
  z.int('must be a whole number').min(1, 'must be at least 1').max(max, `must be at most ${max}`)

const seconds = z
  .number()
  .min(0, 'must be at least 0')
  .max(MAX_WAIT_SECONDS, `must be at most ${MAX_WAIT_SECONDS}, seven days`)

const retryPolicy = z
  .strictObject({
    maxAttempts: optional(wholeNumber(MAX_ATTEMPTS).meta({ description: policyForms.maxAttempts })),
    backoffBaseSeconds: optional(seconds.meta({ description: policyForms.backoffBaseSeconds })),
    backoffMaxSeconds: optional(seconds.meta({ description: policyForms.backoffMaxSeconds })),
    scheduleSeconds: optional(
      z
        .array(seconds)
        .max(MAX_ATTEMPTS - 1, `must have at most ${MAX_ATTEMPTS - 1} waits`)
        .meta({ description: policyForms.scheduleSeconds }),
    ),
  })
  .superRefine(({ scheduleSeconds, ...backoff }, context) => {
    const named = Object.values(backoff).filter((value) => value !== undefined).length
    if (scheduleSeconds !== undefined && named > 0)
      context.addIssue('must be a backoff or scheduleSeconds, not both: the waits are the schedule')
    else if (scheduleSeconds === undefined && named === 0)
      context.addIssue('must name at least one field; null stands for the settings')
  })
  .transform(
    (policy): OwnRetryPolicy =>
      Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined)),
  )

/** Null clears each of them. */
export const policyFields = {
  retryPolicy: retryPolicy.nullish().meta({ description: policyForms.retryPolicy }),
  timeoutMs: wholeNumber(MAX_TIMEOUT_MS).nullish().meta({ description: policyForms.timeoutMs }),
  maxInFlight: wholeNumber(MAX_IN_FLIGHT).nullish().meta({ description: policyForms.maxInFlight }),
  ...headerFields,
  auth: authField,
  clientCertificate: clientCertificateField,
}

const policyInput = z.object(policyFields)
type PolicyInput = z.infer<typeof policyInput>

/** The columns that an input writes. What is absent stays as it is. */
export function policyColumns(cipher: SecretCipher, id: string, input: PolicyInput) {
  const { retryPolicy, timeoutMs, maxInFlight, headers, secretHeaders, auth, clientCertificate } = input
  return {
    ...(retryPolicy !== undefined && { retryPolicy: toJsonColumn(retryPolicy) }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxInFlight !== undefined && { maxInFlight }),
    ...(headers !== undefined && { headers: toJsonColumn(headers) }),
    ...(secretHeaders !== undefined && {
      secretHeaders: toJsonColumn(secretHeaders && sealHeaders(cipher, id, secretHeaders)),
    }),
    ...(auth !== undefined && { auth: toJsonColumn(auth && toStoredAuth(cipher, id, auth)) }),
    ...(clientCertificate !== undefined && {
      clientCertificate: toJsonColumn(
        clientCertificate && toStoredClientCertificate(cipher, id, clientCertificate),
      ),
    }),
  }
}

/** What follows the settings is null, so that nothing is read of it: an empty map, too. */
const toJsonColumn = (value: object | null) =>
  value === null || Object.keys(value).length === 0 ? Prisma.DbNull : (value as Prisma.InputJsonObject)

/** The columns of what is shown. */
export const visiblePolicyFields = {
  retryPolicy: true,
  timeoutMs: true,
  maxInFlight: true,
  headers: true,
  secretHeaders: true,
  auth: true,
  clientCertificate: true,
} as const satisfies Prisma.SubscriptionSelect

export type PolicyRow = Prisma.SubscriptionGetPayload<{ select: typeof visiblePolicyFields }>

/** The policy as it may be shown. */
export const visiblePolicy = ({
  retryPolicy,
  timeoutMs,
  maxInFlight,
  headers,
  secretHeaders,
  auth,
  clientCertificate,
}: PolicyRow) => ({
  ...{ timeoutMs, maxInFlight },
  retryPolicy: retryPolicy as OwnRetryPolicy | null,
  headers: (headers ?? {}) as Record<string, string>,
  secretHeaders: namesOf(secretHeaders),
  auth: visibleAuth(auth),
  clientCertificate: visibleClientCertificate(clientCertificate),
})

/** The names of stored secret headers. */
export const namesOf = (secretHeaders: unknown): string[] => Object.keys(secretHeaders ?? {})

interface CheckedPolicy {
  endpointUrl?: string | null | undefined
  headers?: unknown
  secretHeaders?: unknown
  auth?: unknown
  clientCertificate?: unknown
  format?: WebhookFormat | undefined
}

/** Checks what depends on several fields. @throws ServiceError BAD_USER_INPUT */
export function checkPolicy({ format = 'STANDARD', endpointUrl, ...policy }: CheckedPolicy): void {
  const { headers, secretHeaders } = policy as Record<string, object | null | undefined>
  checkHeaders(headers, secretHeaders)
  if (format !== 'STANDARD') checkCloudEventHeaders({ headers, secretHeaders })
  checkAuthorization(policy.auth, headers, secretHeaders)
  checkCertificateUse(policy.clientCertificate, endpointUrl)
}
