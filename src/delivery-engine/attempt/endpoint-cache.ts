/**
 * The endpoint cache: where the deliveries of a subscription go and which secrets sign them, in memory.
 *
 * Nothing needs to be invalidated: the caller passes the version of the subscription's row that it has seen, and an
 * endpoint that is cached in another version is read again.
 */
import type { WebhookFormat } from '../../generated/prisma/enums.js'
import { type StoredDeliveryPolicy, sqlDeliveryPolicy } from '../../model/delivery-policy.js'
import { createBatcher } from '../../platform/batcher.js'
import type { Clock } from '../../platform/clock.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { type SigningKey, type SigningKeys, validSigningKeys } from '../../secrets/signing-keys.js'
import { type SigningSecrets, sqlSigningSecrets } from '../../secrets/valid-secrets.js'
import { openPolicy, type WebhookPolicy } from './webhook-policy.js'

export interface Endpoint {
  /** Of the subscription's row that this was read from. */
  version: string
  isEnabled: boolean
  endpointUrl: string
  /** Counts changes of the endpoint; unlike `version`, it does not change with a description or a secret. */
  endpointVersion: number
  format: WebhookFormat
  /** Null where the settings apply. */
  policy: WebhookPolicy | null
  /** The signing keys that are valid at the moment of the call, the newest first. @throws UnreadableSecretError */
  signingKeys(): readonly SigningKey[]
}

export interface EndpointCache {
  /** Returns an endpoint at once when it is cached. `undefined` when there is no such subscription. */
  find(subscriptionId: string, version: string): Endpoint | Promise<Endpoint | undefined>
}

/**
 * `$1` subscription ids.
 *
 * `xmin` is the transaction that wrote this version of the row: PostgreSQL changes it with every update.
 */
const loadEndpoints: Statement = {
  name: 'load-endpoints',
  text: `
    select s.id, s.xmin::text as version, s."isEnabled", s."endpointUrl", s."endpointVersion", s.format,
           ${sqlSigningSecrets('s')},
           ${sqlDeliveryPolicy('s')}
    from subscriptions s where s.id = any($1::uuid[])`,
}

interface LoadEndpointsRow extends SigningSecrets {
  id: string
  version: string
  isEnabled: boolean
  endpointUrl: string
  endpointVersion: number
  format: WebhookFormat
  deliveryPolicy: StoredDeliveryPolicy | null
}

const MAX_CACHED = 10_000
const MAX_BATCH = 200

export function createEndpointCache(database: Database, keys: SigningKeys, clock: Clock): EndpointCache {
  const cached = new Map<string, { version: string; endpoint: Endpoint }>()
  const reads = createBatcher<string, Endpoint | undefined>({
    maxSize: MAX_BATCH,
    maxConcurrent: 1,
    async run(ids) {
      const rows = await database.query<LoadEndpointsRow>(loadEndpoints, [ids])
      if (cached.size + rows.length > MAX_CACHED) cached.clear()
      for (const row of rows)
        cached.set(row.id, { version: row.version, endpoint: toEndpoint(row, keys, clock) })
      return ids.map((id) => cached.get(id)?.endpoint)
    },
  })
  return {
    find(subscriptionId, version) {
      const known = cached.get(subscriptionId)
      return known?.version === version ? known.endpoint : reads.add(subscriptionId)
    },
  }
}

function toEndpoint(row: LoadEndpointsRow, keys: SigningKeys, clock: Clock): Endpoint {
  const { id, version, isEnabled, endpointUrl, endpointVersion, format, deliveryPolicy } = row
  return {
    ...{ version, isEnabled, endpointUrl, endpointVersion, format },
    policy: openPolicy(keys, id, deliveryPolicy),
    signingKeys: () => validSigningKeys(keys, id, row, clock.nowMs()),
  }
}
