/** The loader: reads what leased deliveries need for their attempts, many deliveries in one query. */

import type { WebhookFormat } from '../../generated/prisma/enums.js'
import { sqlIsHeldUp, sqlJoinBreaker } from '../../model/breaker.js'
import { type StoredDeliveryPolicy, sqlDeliveryPolicy } from '../../model/delivery-policy.js'
import { sqlIsOpen } from '../../model/delivery-states.js'
import type { EventSnapshot } from '../../model/event-snapshot.js'
import type { WebhookContent } from '../../model/webhook-body.js'
import { formWebhook } from '../../model/webhook-format.js'
import { createBatcher } from '../../platform/batcher.js'
import type { Clock } from '../../platform/clock.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { type SigningKeys, validSigningKeys } from '../../secrets/signing-keys.js'
import { type SigningSecrets, sqlSigningSecrets } from '../../secrets/valid-secrets.js'
import { type Lease, leaseColumns, sqlIsHeld } from '../scheduling/lease.js'
import type { Webhook } from './sender.js'
import { openPolicy } from './webhook-policy.js'

/** The event and the subscription of a delivery: everything about it that never changes. */
export interface DeliverySubject {
  eventId: string
  subscriptionId: string
  tenant: string | null
  createdAt: Date
  event: Pick<
    EventSnapshot,
    'type' | 'tenant' | 'idempotencyKey' | 'orderingKey' | 'createdAt' | 'deliverAt' | 'expiresAt'
  >
}

/** A delivery that is about to be attempted. */
export interface LoadedDelivery {
  subject: DeliverySubject
  /** Recorded attempts. */
  attempts: number
  budgetFrom: number
  isEnabled: boolean
  /** Whether its endpoint is paused, and it is not the probe. */
  isHeldUp: boolean
  /** Whether its event has expired. */
  isExpired: boolean
  /** The version of the subscription's endpoint that the attempt calls. */
  endpointVersion: number
  webhook: Webhook
}

export interface Loader {
  /** `undefined` when the lease is no longer valid or the delivery is not open. */
  load(lease: Lease): Promise<LoadedDelivery | undefined>
}

/** `$1` delivery ids, `$2` the ends of their leases: `leaseColumns`. */
export const loadDeliveries: Statement = {
  name: 'load-deliveries',
  text: `
    select d.id, d."eventId", d."subscriptionId", d.tenant, d."createdAt" as "deliveryCreatedAt", d.attempts, d."budgetFrom",
           e.type, e.tenant as "eventTenant", e."idempotencyKey", e."createdAt", e."deliverAt", e."expiresAt", e."orderingKey",
           coalesce(e."expiresAt" <= now(), false) as "isExpired", e.data::text as data, e.metadata::text as metadata,
           s."endpointVersion", s."isEnabled", ${sqlIsHeldUp('s')} as "isHeldUp", s."endpointUrl", s.format,
           ${sqlSigningSecrets('s')},
           ${sqlDeliveryPolicy('s')}
    from unnest($1::uuid[], $2::timestamptz[]) as held (id, "queuedUntil")
    join deliveries d on d.id = held.id and ${sqlIsHeld('held', 'd')}
    join events e on e.id = d."eventId"
    join subscriptions s on s.id = d."subscriptionId"
    ${sqlJoinBreaker('s')}
    where ${sqlIsOpen('d')}`,
}

interface LoadDeliveriesRow extends WebhookContent, SigningSecrets {
  id: string
  subscriptionId: string
  tenant: string | null
  eventTenant: string | null
  deliveryCreatedAt: Date
  idempotencyKey: string | null
  deliverAt: Date | null
  expiresAt: Date | null
  orderingKey: string | null
  isExpired: boolean
  attempts: number
  budgetFrom: number
  endpointVersion: number
  isEnabled: boolean
  isHeldUp: boolean
  endpointUrl: string
  format: WebhookFormat
  deliveryPolicy: StoredDeliveryPolicy | null
}

const MAX_BATCH = 100
const MAX_CONCURRENT_QUERIES = 2

export function createLoader(database: Database, keys: SigningKeys, clock: Clock): Loader {
  const batcher = createBatcher<Lease, LoadedDelivery | undefined>({
    maxSize: MAX_BATCH,
    maxConcurrent: MAX_CONCURRENT_QUERIES,
    async run(leases) {
      const rows = await database.query<LoadDeliveriesRow>(loadDeliveries, leaseColumns(leases))
      const byId = new Map(rows.map((row) => [row.id, row]))
      return leases.map(({ deliveryId }) => {
        const row = byId.get(deliveryId)
        return row && toLoadedDelivery(row, keys, clock)
      })
    },
  })
  return { load: (lease) => batcher.add(lease) }
}

function toLoadedDelivery(row: LoadDeliveriesRow, keys: SigningKeys, clock: Clock): LoadedDelivery {
  const { attempts, budgetFrom, isEnabled, isHeldUp, isExpired, endpointVersion } = row
  const { endpointUrl, eventId, subscriptionId } = row
  const { type, tenant, eventTenant, idempotencyKey, createdAt, deliverAt, expiresAt, orderingKey } = row
  const subject = {
    ...{ eventId, subscriptionId, tenant, createdAt: row.deliveryCreatedAt },
    event: { type, tenant: eventTenant, idempotencyKey, orderingKey, createdAt, deliverAt, expiresAt },
  }
  const signingKeys = () => validSigningKeys(keys, subscriptionId, row, clock.nowMs())
  const policy = openPolicy(keys, subscriptionId, row.deliveryPolicy)
  const webhook = { endpointUrl, id: eventId, ...formWebhook(row.format, row), signingKeys, policy }
  return { subject, attempts, budgetFrom, isEnabled, isHeldUp, isExpired, endpointVersion, webhook }
}
