/** The policy of a subscription as an attempt follows it, with its credentials readable. */
import type { StoredDeliveryPolicy } from '../../model/delivery-policy.js'
import { openHeaders } from '../../secrets/credentials.js'
import type { SigningKeys } from '../../secrets/signing-keys.js'

export interface WebhookPolicy
  extends Pick<StoredDeliveryPolicy, 'retryPolicy' | 'timeoutMs' | 'maxInFlight'> {
  /** Headers to send beside the service's own. @throws UnreadableSecretError */
  headers(): WebhookHeaders
}

/** Values by lower-case name. */
export interface WebhookHeaders {
  plain: Record<string, string>
  /** Their values must not be shown to anybody. */
  secret: Record<string, string>
}

/** @returns null where the settings apply */
export function openPolicy(
  keys: SigningKeys,
  subscriptionId: string,
  stored: StoredDeliveryPolicy | null,
): WebhookPolicy | null {
  if (stored === null) return null
  const { retryPolicy, timeoutMs, maxInFlight, headers, secretHeaders } = stored
  return {
    ...{ retryPolicy, timeoutMs, maxInFlight },
    headers: () => ({
      plain: headers ?? {},
      secret: secretHeaders === null ? {} : openHeaders(keys, subscriptionId, secretHeaders),
    }),
  }
}
