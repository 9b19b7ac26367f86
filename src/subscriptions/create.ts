import { badInput, ServiceError } from '../errors.js'
import { checkFilter } from '../filters/check-filter.js'
import type { Clock } from '../platform/clock.js'
import { tryAgainOnConflict } from '../platform/postgres/conflicts.js'
import { isUniqueViolation } from '../platform/postgres/database-errors.js'
import type { SecretCipher } from '../secrets/cipher.js'
import { newKeyPair } from '../secrets/key-pairs.js'
import { generateSecret } from '../secrets/signing-secret.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { tenantFor } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { checkCertificateTime } from './client-certificate.js'
import { checkPolicy, policyColumns } from './delivery-policy.js'
import { disabledByUser } from './disabled.js'
import { checkKind } from './kind.js'
import { toStoredLabels } from './labels.js'
import {
  fingerprint,
  type NewSubscription,
  toVisible,
  type VisibleSubscription,
  visibleFields,
} from './subscription.js'

export interface SubscriptionContext {
  database: VisibleDatabase
  secretCipher: SecretCipher
  clock: Clock
  serviceEvents: ServiceEvents
  /** Makes the id of a subscription. */
  newId(): string
  /** Why an endpoint must not be called, where its URL alone tells; see the egress guard. */
  refuseUrl(url: URL): string | undefined
  /** Asks the endpoint itself: why it does not agree to webhooks at this rate; null for no limit. */
  refusalOfEndpoint(asked: {
    endpointUrl: string
    requestsPerMinute: number | null
    clientCertificate: { cert: string; key: string } | undefined
  }): Promise<string | undefined>
  /**
   * Called after a commit that leaves work for the engine: a subscription was enabled, paced differently, or deleted.
   */
  onDue(): void
  /** Called after each commit. Resolves when this process matches events with the change. */
  onChanged(): Promise<void>
}

/**
 * Creates a subscription and returns it with its secret, which is shown this once.
 *
 * @throws ServiceError BAD_USER_INPUT when the endpoint is refused, CONFLICT when an equal one exists, FORBIDDEN when
 * its tenant is not the viewer's
 */
export async function createSubscription(
  context: SubscriptionContext,
  input: NewSubscription,
): Promise<VisibleSubscription & { secret: string }> {
  const tenant = tenantFor(context.database, input.tenant)
  checkKind(input)
  if (input.endpointUrl !== undefined) checkEndpoint(context, input.endpointUrl)
  checkTokenUrl(context, input)
  checkPolicy(input)
  checkCertificateTime(context.clock, input.clientCertificate)
  await checkFilter(input.filter)
  const { endpointUrl = null } = input
  if (input.validate && endpointUrl !== null) await checkAgreement(context, { ...input, endpointUrl })
  const id = context.newId()
  const now = context.clock.now()
  const { kind, format, signatures, secret = generateSecret() } = input
  const isEnabled = input.isEnabled ?? true
  const subscription = await uniquely(() =>
    context.database.prisma.subscription.create({
      data: {
        id,
        tenant,
        ...(kind && { kind }),
        endpointUrl,
        eventTypes: input.eventTypes,
        filter: input.filter ?? null,
        isEnabled,
        ...disabledByUser(isEnabled, now),
        description: input.description ?? null,
        maxRequestsPerSecond: input.maxRequestsPerSecond ?? null,
        isOrdered: input.isOrdered ?? false,
        labels: toStoredLabels(input.labels ?? null),
        ...policyColumns(context.secretCipher, id, input),
        secret: context.secretCipher.seal(id, secret),
        ...(format && { format }),
        ...(signatures && { signatures }),
        ...(signatures?.includes('V1A') && { keyPairs: [newKeyPair(context.secretCipher, id)] }),
        fingerprint: fingerprint({ id, endpointUrl, eventTypes: input.eventTypes, tenant }),
        // Prisma would take the time of this process for their defaults.
        ...{ createdAt: now, updatedAt: now },
      },
      select: visibleFields,
    }),
  )
  await context.onChanged()
  return { ...toVisible(subscription, context.clock), secret }
}

/** @throws ServiceError BAD_USER_INPUT */
export function checkTokenUrl(context: SubscriptionContext, { auth }: Pick<NewSubscription, 'auth'>): void {
  if (auth?.oauth2) checkEndpoint(context, auth.oauth2.tokenUrl, 'auth.oauth2.tokenUrl')
}

interface AgreementInput extends Pick<NewSubscription, 'maxRequestsPerSecond'> {
  endpointUrl: string
  clientCertificate?: { certificate: string; privateKey: string } | null | undefined
}

/** The validation handshake. @throws ServiceError BAD_USER_INPUT when the endpoint does not agree */
export async function checkAgreement(
  { refusalOfEndpoint }: SubscriptionContext,
  { endpointUrl, maxRequestsPerSecond, clientCertificate: pair }: AgreementInput,
): Promise<void> {
  const requestsPerMinute = maxRequestsPerSecond == null ? null : maxRequestsPerSecond * 60
  const clientCertificate = pair ? { cert: pair.certificate, key: pair.privateKey } : undefined
  const refusal = await refusalOfEndpoint({ endpointUrl, requestsPerMinute, clientCertificate })
  if (refusal !== undefined) throw badInput([{ path: 'endpointUrl', message: refusal }])
}

export function checkEndpoint(
  { refuseUrl }: SubscriptionContext,
  url: string,
  path: string = 'endpointUrl',
): void {
  const refusal = refuseUrl(new URL(url))
  if (refusal !== undefined) throw badInput([{ path, message: refusal }])
}

/** Runs a transaction that may make two subscriptions equal. @throws ServiceError CONFLICT when it does */
export async function uniquely<Result>(transact: () => Promise<Result>): Promise<Result> {
  try {
    return await tryAgainOnConflict(transact)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new ServiceError(
      'CONFLICT',
      'A subscription with this endpointUrl and these eventTypes exists already.',
    )
  }
}
