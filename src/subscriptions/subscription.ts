/** The fields of a subscription with their bounds, and when two subscriptions are equal. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { FILTER_FORM, MAX_FILTER_LENGTH } from '../filters/filter.js'
import type { Prisma } from '../generated/prisma/client.js'
import { SignatureVersion, SubscriptionKind, WebhookFormat } from '../generated/prisma/enums.js'
import { EVERY_TYPE, eventType, eventTypePattern, OPERATIONAL_PREFIX } from '../model/event-type.js'
import { fromStoredFilter, TENANT_FORM, tenant } from '../model/tenant.js'
import type { Clock } from '../platform/clock.js'
import { optional } from '../platform/optional.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { isSealed, LOOKS_SEALED } from '../secrets/cipher.js'
import { type StoredKeyPair, validKeyPairs } from '../secrets/key-pairs.js'
import { DEFAULT_OVERLAP_HOURS } from '../secrets/replace-secret.js'
import { SECRET_BOUNDS, SECRET_FORM, secretRefusal } from '../secrets/signing-secret.js'
import { policyFields, visiblePolicy, visiblePolicyFields } from './delivery-policy.js'
import { visibleDisabled } from './disabled.js'
import { absoluteUrl, URL_FORM } from './endpoint-url.js'
import { KIND_FORM } from './kind.js'
import { fromStoredLabels, labels } from './labels.js'

const MAX_EVENT_TYPES = 200
const MAX_DESCRIPTION_LENGTH = 1024
const MAX_RATE = 10_000
/** A week. */
const MAX_OVERLAP_HOURS = 168

/** What each field of an input may be, as both faces document it. */
export const inputForms = {
  kind: KIND_FORM,
  endpointUrl: `${URL_FORM} None for kind \`PULL\`.`,
  eventTypes: `1 to ${MAX_EVENT_TYPES} event types by name, by pattern (\`user.*\`: one or more further segments), or \`${EVERY_TYPE}\` for every type but those of operational events (\`${OPERATIONAL_PREFIX}\`).`,
  filter: FILTER_FORM,
  tenant: `Whose it is: ${TENANT_FORM}. It gets the events of its tenant only, and can't be changed.`,
  secret: SECRET_FORM,
  description: `For people; at most ${MAX_DESCRIPTION_LENGTH} characters.`,
  maxRequestsPerSecond: `1 to ${MAX_RATE}, over all workers; null for no limit.`,
  isOrdered:
    'Whether it gets the events of one `orderingKey` in the order of their acceptance: the next one only when the one ' +
    'before is SENT or DEAD. It counts for events that are dispatched from then on.',
  format:
    "What webhooks look like: `STANDARD`, the service's own form, or CloudEvents 1.0 in structured " +
    '(`CLOUDEVENTS_STRUCTURED`) or binary (`CLOUDEVENTS_BINARY`) mode. At first `STANDARD`.',
  validate:
    'Whether the endpoint is asked first if it agrees (`OPTIONS` with `WebHook-Request-Origin`). If it does not, nothing ' +
    'is stored. Needs the setting `WEBHOOK_REQUEST_ORIGIN`.',
  signatures:
    'How webhooks are signed: `V1` by the secret (HMAC-SHA256), `V1A` by a key pair (Ed25519), or both.',
  overlapHours:
    `How long the replaced secret goes on signing beside the new one: 0 to ${MAX_OVERLAP_HOURS} hours, ` +
    `${DEFAULT_OVERLAP_HOURS} when it is absent. With 0 it signs no more.`,
} as const

const endpointUrl = absoluteUrl({
  format: 'uri',
  description: inputForms.endpointUrl,
  examples: ['http://127.0.0.1:4000/webhooks'],
})

const eventTypes = z
  .array(
    z.union([z.literal(EVERY_TYPE), eventType, eventTypePattern], {
      error: `must be an event type, a pattern such as "user.*", or "${EVERY_TYPE}" for every type`,
    }),
  )
  .min(1, 'must name at least one event type')
  .max(MAX_EVENT_TYPES, `must name at most ${MAX_EVENT_TYPES} event types`)
  .meta({ description: inputForms.eventTypes })
  .transform((types) => [...new Set(types)])

/** Its syntax is checked where it is set: see `check-filter.ts`. */
const filter = z
  .string()
  .max(MAX_FILTER_LENGTH, `must have at most ${MAX_FILTER_LENGTH} characters`)
  .refine(isPostgresText, 'must not contain NUL or broken characters')
  .meta({
    description: inputForms.filter,
    pattern: '^[^\\u0000]*$',
    examples: ['data.amount > 100 && data.currency in ["CHF", "EUR"]'],
  })

const secret = z
  .string()
  .superRefine((text, context) => {
    const refusal = secretRefusal(text)
    if (refusal !== undefined) context.addIssue(refusal)
  })
  .refine((text) => !isSealed(text), LOOKS_SEALED)
  .meta({ description: inputForms.secret, ...SECRET_BOUNDS })

const description = z
  .string()
  .max(MAX_DESCRIPTION_LENGTH)
  .refine(isPostgresText, 'must not contain NUL or broken characters')
  .meta({ description: inputForms.description, pattern: '^[^\\u0000]*$' })

const maxRequestsPerSecond = z
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(MAX_RATE, `must be at most ${MAX_RATE}`)
  .meta({ description: inputForms.maxRequestsPerSecond })

const format = z.enum(WebhookFormat).meta({ description: inputForms.format })

const signatures = z
  .array(z.enum(SignatureVersion))
  .min(1, 'must name at least one')
  .max(2, 'must name each at most once')
  .meta({ description: inputForms.signatures })
  .transform((named) => Object.values(SignatureVersion).filter((version) => named.includes(version)))

/** The body of `POST /v1/subscriptions`. */
export const subscriptionBody = z.strictObject({
  kind: optional(z.enum(SubscriptionKind)).meta({ description: inputForms.kind }),
  endpointUrl: optional(endpointUrl),
  eventTypes,
  tenant: optional(tenant).meta({ description: inputForms.tenant }),
  filter: filter.nullish(),
  secret: optional(secret),
  description: description.nullish(),
  isEnabled: optional(z.boolean()),
  maxRequestsPerSecond: maxRequestsPerSecond.nullish(),
  isOrdered: optional(z.boolean()).meta({ description: inputForms.isOrdered }),
  format: optional(format),
  validate: optional(z.boolean()).meta({ description: inputForms.validate }),
  signatures: optional(signatures),
  ...policyFields,
  labels: labels.nullish(),
})

/** The body of `PATCH /v1/subscriptions/{id}`: null clears what a subscription can be without. */
export const subscriptionChanges = subscriptionBody
  .omit({ kind: true, tenant: true })
  .extend({ eventTypes: optional(eventTypes) })
  .refine(
    (changes) => Object.values(changes).some((value) => value !== undefined),
    'must name at least one field to change',
  )

/** The body of `POST /v1/subscriptions/{id}/rotate-secret`. */
export const secretRotation = z.strictObject({
  overlapHours: optional(
    z
      .int('must be a whole number')
      .min(0, 'must be at least 0')
      .max(MAX_OVERLAP_HOURS, `must be at most ${MAX_OVERLAP_HOURS}`)
      .meta({ description: inputForms.overlapHours }),
  ),
})

export type NewSubscription = z.infer<typeof subscriptionBody>
export type SubscriptionChanges = z.infer<typeof subscriptionChanges>
export type SecretRotation = z.infer<typeof secretRotation>

/** The columns of the fields that are shown; secrets are not among them. Of `keyPairs` only public keys are. */
export const visibleFields = {
  id: true,
  kind: true,
  endpointUrl: true,
  eventTypes: true,
  filter: true,
  tenant: true,
  filterErrors: { select: { count: true, lastError: true, lastAt: true } },
  isEnabled: true,
  disabledReason: true,
  disabledAt: true,
  description: true,
  labels: true,
  maxRequestsPerSecond: true,
  ...visiblePolicyFields,
  isOrdered: true,
  format: true,
  signatures: true,
  keyPairs: true,
  createdAt: true,
  updatedAt: true,
} as const satisfies Prisma.SubscriptionSelect

type VisibleRow = Prisma.SubscriptionGetPayload<{ select: typeof visibleFields }>

/** The public keys whose signatures webhooks carry at a moment, the newest first. */
export const publicKeysOf = (keyPairs: unknown, nowMs: number): string[] =>
  validKeyPairs(keyPairs as StoredKeyPair[], nowMs).map(({ publicKey }) => publicKey)

export function toVisible({ keyPairs, ...fields }: VisibleRow, clock: Clock) {
  const publicKeys = publicKeysOf(keyPairs, clock.nowMs())
  const shown = { ...fields, ...visibleDisabled(fields), ...visiblePolicy(fields) }
  const labels = fromStoredLabels(fields.labels)
  const filter = fromStoredFilter(fields.filter, fields.tenant)
  return { ...shown, filter, labels, publicKey: publicKeys[0] ?? null, publicKeys }
}

export type VisibleSubscription = ReturnType<typeof toVisible>

type Identity = { id: string; endpointUrl: string | null; eventTypes: string[]; tenant: string | null }

/**
 * Equal subscriptions, with the same endpointUrl, set of eventTypes and tenant, have equal fingerprints. Those without
 * a URL never are: each is a feed of its own.
 */
export function fingerprint({ id, endpointUrl, eventTypes, tenant }: Identity): Uint8Array<ArrayBuffer> {
  const types = eventTypes.toSorted()
  const target = endpointUrl ?? id
  const content = JSON.stringify(tenant === null ? [target, ...types] : [target, types, tenant])
  return new Uint8Array(createHash('sha256').update(content).digest())
}
