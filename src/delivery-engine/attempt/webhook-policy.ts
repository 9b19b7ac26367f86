/** The policy of a subscription as an attempt follows it, with its credentials readable. */
import type { OAuth2Settings, StoredAuth, StoredDeliveryPolicy } from '../../model/delivery-policy.js'
import { basicCredentials } from '../../platform/basic-credentials.js'
import { openAuthSecret, openHeaders, openPrivateKey } from '../../secrets/credentials.js'
import type { SigningKeys } from '../../secrets/signing-keys.js'
import type { ClientCertificate } from '../egress/trust.js'

export interface WebhookPolicy
  extends Pick<StoredDeliveryPolicy, 'retryPolicy' | 'timeoutMs' | 'maxInFlight'> {
  /** Headers to send beside the service's own. @throws UnreadableSecretError */
  headers(): WebhookHeaders
  /** Present where requests carry an access token. */
  oauth2: OAuth2Client | undefined
  /** Present where the endpoint is shown a certificate. @throws UnreadableSecretError */
  clientCertificate: (() => ClientCertificate) | undefined
}

/** Values by lower-case name. */
export interface WebhookHeaders {
  plain: Record<string, string>
  /** Their values must not be shown to anybody. */
  secret: Record<string, string>
}

export interface OAuth2Client extends OAuth2Settings {
  /** The same for requests that may share a token: of one subscription with one setting. */
  key: string
  /** @throws UnreadableSecretError */
  clientSecret(): string
}

/** @returns null where the settings apply */
export function openPolicy(
  keys: SigningKeys,
  subscriptionId: string,
  stored: StoredDeliveryPolicy | null,
): WebhookPolicy | null {
  if (stored === null) return null
  const { retryPolicy, timeoutMs, maxInFlight, headers, secretHeaders, auth, clientCertificate } = stored
  return {
    ...{ retryPolicy, timeoutMs, maxInFlight },
    headers: () => ({
      plain: headers ?? {},
      secret: {
        ...(secretHeaders && openHeaders(keys, subscriptionId, secretHeaders)),
        ...(auth && authorizationHeader(keys, subscriptionId, auth)),
      },
    }),
    oauth2: auth?.oauth2 && {
      ...auth.oauth2,
      key: `${subscriptionId} ${JSON.stringify(auth)}`,
      clientSecret: () => openAuthSecret(keys, subscriptionId, auth.secret),
    },
    clientCertificate: clientCertificate
      ? () => ({
          cert: clientCertificate.certificate,
          key: openPrivateKey(keys, subscriptionId, clientCertificate.privateKey),
        })
      : undefined,
  }
}

/** The header of Basic (RFC 7617) and of a fixed bearer token (RFC 6750). An access token comes later. */
function authorizationHeader(
  keys: SigningKeys,
  subscriptionId: string,
  { basic, bearer, secret }: StoredAuth,
): Record<string, string> {
  const open = () => openAuthSecret(keys, subscriptionId, secret)
  if (basic) return { authorization: basicCredentials(basic.username, open()) }
  return bearer ? { authorization: `Bearer ${open()}` } : {}
}
