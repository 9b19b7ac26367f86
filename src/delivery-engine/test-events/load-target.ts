/** Loads where a test event goes and what signs it. A disabled subscription is a target, too; a deleted one is none. */
import type { WebhookFormat } from '../../generated/prisma/enums.js'
import { type StoredDeliveryPolicy, sqlDeliveryPolicy } from '../../model/delivery-policy.js'
import type { Database } from '../../platform/postgres/database.js'
import { type SigningKey, type SigningKeys, validSigningKeys } from '../../secrets/signing-keys.js'
import { type SigningSecrets, sqlSigningSecrets } from '../../secrets/valid-secrets.js'
import type { Viewer } from '../../tenants/viewer.js'
import { forViewer } from '../../tenants/visible-statement.js'
import { openPolicy, type WebhookPolicy } from '../attempt/webhook-policy.js'

export interface Target {
  tenant: string | null
  /** Null for a subscription of kind PULL. */
  endpointUrl: string | null
  format: WebhookFormat
  policy: WebhookPolicy | null
  /** @throws UnreadableSecretError */
  signingKeys(nowMs: number): readonly SigningKey[]
}

/** `$1` the subscription's id. */
const loadTestTarget = forViewer(
  { name: 'load-test-target', parameters: 1 },
  ({ isVisible }) => `
    select s.tenant, s."endpointUrl", s.format, ${sqlSigningSecrets('s')}, ${sqlDeliveryPolicy('s')}
    from subscriptions s where s.id = $1 and s."deletedAt" is null and ${isVisible('s')}`,
)

interface LoadTestTargetRow extends SigningSecrets {
  tenant: string | null
  endpointUrl: string | null
  format: WebhookFormat
  deliveryPolicy: StoredDeliveryPolicy | null
}

/** `undefined` when there is no such subscription. */
export async function loadTarget(
  database: Database,
  { tenant }: Viewer,
  keys: SigningKeys,
  subscriptionId: string,
): Promise<Target | undefined> {
  const [row] = await database.query<LoadTestTargetRow>(loadTestTarget, [subscriptionId, tenant])
  return (
    row && {
      tenant: row.tenant,
      endpointUrl: row.endpointUrl,
      format: row.format,
      policy: openPolicy(keys, subscriptionId, row.deliveryPolicy),
      signingKeys: (nowMs) => validSigningKeys(keys, subscriptionId, row, nowMs),
    }
  )
}
