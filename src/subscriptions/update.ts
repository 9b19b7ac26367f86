import { notFound } from '../errors.js'
import { checkFilter } from '../filters/check-filter.js'
import type { Prisma } from '../generated/prisma/client.js'
import { fromStoredFilter } from '../model/tenant.js'
import { isUuid } from '../platform/uuid.js'
import { newKeyPair } from '../secrets/key-pairs.js'
import { replaceSecret } from '../secrets/replace-secret.js'
import { announceReported } from '../telemetry/changes.js'
import { checkCertificateTime, openClientCertificate } from './client-certificate.js'
import { checkAgreement, checkEndpoint, checkTokenUrl, type SubscriptionContext, uniquely } from './create.js'
import { checkPolicy, policyColumns } from './delivery-policy.js'
import { disabledByUser, reportDisabled } from './disabled.js'
import { checkKind } from './kind.js'
import { toStoredLabels } from './labels.js'
import { lockSubscription } from './lock.js'
import {
  fingerprint,
  type SubscriptionChanges,
  toVisible,
  type VisibleSubscription,
  visibleFields,
} from './subscription.js'

/** @throws ServiceError NOT_FOUND, BAD_USER_INPUT when the endpoint is refused, CONFLICT when an equal one exists */
export async function updateSubscription(
  context: SubscriptionContext,
  id: string,
  changes: SubscriptionChanges,
): Promise<VisibleSubscription> {
  if (!isUuid(id)) throw notFound('subscription', id)
  if (changes.endpointUrl !== undefined) checkEndpoint(context, changes.endpointUrl)
  checkTokenUrl(context, changes)
  await checkFilter(changes.filter)
  checkCertificateTime(context.clock, changes.clientCertificate)
  if (changes.validate)
    await checkAgreement(context, { ...(await findAgreementInput(context, id)), ...present(changes) })
  const { subscription, reported } = await uniquely(() =>
    context.database.prisma.$transaction((transaction) => apply(transaction, context, id, changes)),
  )
  announceReported(context.serviceEvents, reported)
  await context.onChanged()
  if (changes.isEnabled || isPacedOtherwise(changes) || changes.isOrdered === false) context.onDue()
  return toVisible(subscription, context.clock)
}

/** What the validation handshake needs of a subscription as it is. @throws ServiceError NOT_FOUND */
async function findAgreementInput({ database, secretCipher }: SubscriptionContext, id: string) {
  const subscription = await database.prisma.subscription.findUnique({
    where: { id, deletedAt: null },
    select: { kind: true, endpointUrl: true, maxRequestsPerSecond: true, clientCertificate: true },
  })
  if (subscription === null) throw notFound('subscription', id)
  const { kind, endpointUrl, clientCertificate: stored, ...rest } = subscription
  checkKind({ kind, endpointUrl, validate: true })
  return {
    ...rest,
    endpointUrl: endpointUrl as string,
    clientCertificate: openClientCertificate(secretCipher, id, stored),
  }
}

/** Without what a change leaves as it is. */
const present = (changes: SubscriptionChanges): object =>
  Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))

const isPacedOtherwise = ({ maxRequestsPerSecond, maxInFlight }: SubscriptionChanges): boolean =>
  maxRequestsPerSecond !== undefined || maxInFlight !== undefined

async function apply(
  transaction: Prisma.TransactionClient,
  { secretCipher, clock }: SubscriptionContext,
  id: string,
  changes: SubscriptionChanges,
) {
  // The fingerprint is made of old and new values.
  const before = await lockSubscription(transaction, id)
  const after = { ...before, ...present(changes) }
  checkKind(after)
  checkPolicy(after)
  const { endpointUrl = before.endpointUrl, eventTypes = before.eventTypes } = changes
  const { isEnabled = before.isEnabled, description = before.description } = changes
  const filterBefore = fromStoredFilter(before.filter, before.tenant)
  const { filter = filterBefore } = changes
  // They are those of the filter as it is.
  if (filter !== filterBefore) await transaction.filterErrors.deleteMany({ where: { subscriptionId: id } })
  const { maxRequestsPerSecond = before.maxRequestsPerSecond, format, secret, signatures } = changes
  // Asked for once more, V1A goes on with the pair that it had.
  const needsKeyPair = signatures?.includes('V1A') && before.keyPairs.length === 0
  const isOtherEndpoint = endpointUrl !== before.endpointUrl || isEnabled !== before.isEnabled
  const now = clock.now()
  const subscription = await transaction.subscription.update({
    where: { id },
    data: {
      ...{ endpointUrl, eventTypes, isEnabled, description, maxRequestsPerSecond },
      ...(filter !== filterBefore && { filter }),
      ...(changes.isOrdered !== undefined && { isOrdered: changes.isOrdered }),
      ...(changes.labels !== undefined && { labels: toStoredLabels(changes.labels) }),
      ...policyColumns(secretCipher, id, changes),
      ...(isEnabled !== before.isEnabled && disabledByUser(isEnabled, now)),
      ...(isOtherEndpoint && { endpointVersion: { increment: 1 } }),
      // Left out where it stays: a unique column in an update makes it wait for every lock of the row.
      ...((changes.endpointUrl ?? changes.eventTypes) !== undefined && {
        fingerprint: fingerprint({ id, endpointUrl, eventTypes, tenant: before.tenant }),
      }),
      ...(secret !== undefined && replaceSecret(secretCipher, before, secret, now)),
      ...(format && { format }),
      ...(signatures && { signatures }),
      ...(needsKeyPair && { keyPairs: [newKeyPair(secretCipher, id)] }),
      updatedAt: now,
    },
    select: visibleFields,
  })
  const isDisabled = before.isEnabled && !isEnabled
  return { subscription, reported: isDisabled ? await reportDisabled(transaction, id) : [] }
}
