/** The answers of the routes of subscriptions, and the conversion of their rows. */
import { z } from 'zod'
import {
  DisabledReason,
  SignatureVersion,
  SubscriptionKind,
  WebhookFormat,
} from '../generated/prisma/enums.js'
import type { EndpointHealth } from '../subscriptions/health.js'
import type { VisibleSubscription } from '../subscriptions/subscription.js'
import { id, time } from './basic-shapes.js'
import { healthShape, toHealth } from './health-shape.js'
import { policyShape } from './policy-shapes.js'
import { pageOf, tenantShape, times } from './shapes.js'

export const subscriptionShape = z
  .object({
    id,
    kind: z.enum(SubscriptionKind).meta({ description: 'How its deliveries reach the consumer.' }),
    endpointUrl: z
      .string()
      .nullable()
      .meta({ description: 'Where its webhooks are posted; null for kind `PULL`.' }),
    eventTypes: z.array(z.string()),
    tenant: tenantShape,
    filter: z.string().nullable().meta({ description: 'Which events of these types; null for all.' }),
    filterErrors: z.object({ count: z.int(), lastError: z.string(), lastAt: time }).nullable().meta({
      description: 'The events for which the filter failed, so it got none of them. Null without any.',
    }),
    isEnabled: z.boolean(),
    disabledReason: z
      .enum(DisabledReason)
      .nullable()
      .meta({
        description:
          'Why it is disabled: `MANUAL`, `GONE` after an answer 410, or `FAILING` after `DISABLE_AFTER_DAYS` of failures. ' +
          'Null while it is enabled.',
      }),
    disabledAt: time.nullable().meta({ description: 'Since when; null while it is enabled.' }),
    description: z.string().nullable(),
    maxRequestsPerSecond: z.int().nullable().meta({ description: 'Over all workers; null for no limit.' }),
    labels: z.record(z.string(), z.string()).meta({ description: 'To find it by.' }),
    ...policyShape,
    isOrdered: z
      .boolean()
      .meta({ description: 'Whether it gets the events of one `orderingKey` in their order.' }),
    format: z.enum(WebhookFormat).meta({ description: 'What its webhooks look like.' }),
    signatures: z.array(z.enum(SignatureVersion)),
    publicKey: z.string().nullable().meta({
      description: 'Verifies `v1a` signatures: `whpk_` and base64. Null where V1A was never asked for.',
    }),
    publicKeys: z.array(z.string()).meta({
      description: 'The public key, and before their time is over those that it replaced, the newest first.',
    }),
    health: healthShape,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Subscription', description: 'An endpoint and the event types it wants.' })

export const previewShape = z
  .object({
    matches: z.boolean(),
    error: z
      .string()
      .nullable()
      .meta({ description: 'What is wrong with the filter, or kept it from an answer.' }),
    unmet: z.array(z.string()).meta({ description: 'The conditions, joined by `&&`, that do not hold.' }),
  })
  .meta({ id: 'FilterPreview', description: 'Whether a filter would let an event through, and why not.' })

export const createdSubscriptionShape = subscriptionShape
  .extend({ secret: z.string().meta({ description: 'What webhooks are signed with. Shown this once.' }) })
  .meta({ id: 'CreatedSubscription', description: 'A subscription, with its new secret.' })

export const subscriptionPage = pageOf(subscriptionShape).meta({ id: 'SubscriptionPage' })

export const toSubscription = (row: VisibleSubscription & { health: EndpointHealth }) => ({
  id: row.id,
  kind: row.kind,
  endpointUrl: row.endpointUrl,
  eventTypes: row.eventTypes,
  tenant: row.tenant,
  filter: row.filter,
  filterErrors: row.filterErrors && { ...row.filterErrors, lastAt: row.filterErrors.lastAt.toISOString() },
  isEnabled: row.isEnabled,
  disabledReason: row.disabledReason,
  disabledAt: row.disabledAt?.toISOString() ?? null,
  description: row.description,
  maxRequestsPerSecond: row.maxRequestsPerSecond,
  labels: row.labels,
  retryPolicy: row.retryPolicy,
  timeoutMs: row.timeoutMs,
  maxInFlight: row.maxInFlight,
  headers: row.headers,
  secretHeaders: row.secretHeaders,
  auth: row.auth,
  clientCertificate: row.clientCertificate,
  isOrdered: row.isOrdered,
  format: row.format,
  signatures: row.signatures,
  publicKey: row.publicKey,
  publicKeys: row.publicKeys,
  health: toHealth(row.health),
  ...times(row),
})
