/** The loader: what is needed to attempt leased deliveries, for many of them in one query. */

import { sqlIsOpen } from '../../model/delivery-states.js'
import { createBatcher } from '../../platform/batcher.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import type { SigningKeys } from '../../secrets/signing-keys.js'
import { type Lease, leaseColumns, sqlHolds } from '../scheduling/lease.js'
import type { Webhook } from './sender.js'

/** What a delivery is of, for whom: all that never changes. */
export interface Subject {
  eventId: string
  subscriptionId: string
  createdAt: Date
  event: { type: string; idempotencyKey: string | null; createdAt: Date }
}

/** A delivery that is about to be attempted. */
export interface LoadedDelivery {
  subject: Subject
  /** Attempts that have finished. */
  attempts: number
  budgetFrom: number
  isEnabled: boolean
  webhook: Webhook
}

export interface Loader {
  /** `undefined` when the lease is no longer good, or the delivery has nothing before it. */
  load(lease: Lease): Promise<LoadedDelivery | undefined>
}

export const loadStatement: Statement = {
  name: 'load-deliveries',
  text: `
    select d.id, d."eventId", d."subscriptionId", d."createdAt" as "deliveryCreatedAt", d.attempts, d."budgetFrom",
           e.type, e."idempotencyKey", e."createdAt", e.data::text as data, e.metadata::text as metadata,
           s."isEnabled", s."endpointUrl", s.secret,
           case when s."previousSecretUntil" > now() then s."previousSecret" end as "previousSecret"
    from unnest($1::uuid[], $2::timestamptz[]) as held (id, "queuedUntil")
    join deliveries d on d.id = held.id and ${sqlHolds('held', 'd')}
    join events e on e.id = d."eventId"
    join subscriptions s on s.id = d."subscriptionId"
    where ${sqlIsOpen('d')}`,
}

/** What an endpoint is told of an event. `data` and `metadata` are JSON texts. */
interface WebhookContent {
  eventId: string
  type: string
  createdAt: Date
  data: string
  metadata: string | null
}

interface Row extends WebhookContent {
  id: string
  subscriptionId: string
  deliveryCreatedAt: Date
  idempotencyKey: string | null
  attempts: number
  budgetFrom: number
  isEnabled: boolean
  endpointUrl: string
  secret: string
  previousSecret: string | null
}

const MAX_BATCH = 100
const QUERIES_UNDER_WAY = 2

export function createLoader(database: Database, signingKey: SigningKeys): Loader {
  const batcher = createBatcher<Lease, LoadedDelivery | undefined>({
    maxSize: MAX_BATCH,
    maxConcurrent: QUERIES_UNDER_WAY,
    async run(leases) {
      const rows = await database.query<Row>(loadStatement, leaseColumns(leases))
      const byId = new Map(rows.map((row) => [row.id, row]))
      return leases.map(({ deliveryId, subscriptionId }) => {
        const row = byId.get(deliveryId)
        return row && toLoaded(row, (stored) => signingKey(subscriptionId, stored))
      })
    },
  })
  return { load: (lease) => batcher.add(lease) }
}

function toLoaded(row: Row, keyOf: (stored: string) => Uint8Array): LoadedDelivery {
  const secrets = row.previousSecret === null ? [row.secret] : [row.secret, row.previousSecret]
  const { attempts, budgetFrom, isEnabled, endpointUrl, eventId, subscriptionId } = row
  const { type, idempotencyKey, createdAt } = row
  const subject = {
    ...{ eventId, subscriptionId, createdAt: row.deliveryCreatedAt },
    event: { type, idempotencyKey, createdAt },
  }
  const webhook = { endpointUrl, id: eventId, body: webhookBody(row), keys: () => secrets.map(keyOf) }
  return { subject, attempts, budgetFrom, isEnabled, webhook }
}

/** Put together from the producer's own text, so that `data` arrives as it was written. */
export function webhookBody({ eventId, type, createdAt, data, metadata }: WebhookContent): Buffer {
  const head = `{"id":"${eventId}","type":"${type}","createdAt":"${createdAt.toISOString()}"`
  return Buffer.from(`${head},"payload":{"data":${data},"metadata":${metadata}}}`)
}
