import { notFound } from '../errors.js'
import type { Prisma } from '../generated/prisma/client.js'
import { isUuid } from '../platform/uuid.js'
import { checkEndpoint, type SubscriptionContext, uniquely } from './create.js'
import {
  fingerprint,
  type SubscriptionChanges,
  type VisibleSubscription,
  visibleFields,
} from './subscription.js'

/** After a change of secret the old one goes on signing beside the new one, so that consumers can follow. */
const PREVIOUS_SECRET_LASTS_MS = 24 * 60 * 60 * 1000

/** @throws ServiceError NOT_FOUND, BAD_USER_INPUT when the endpoint is refused, CONFLICT when it becomes equal to another */
export async function updateSubscription(
  context: SubscriptionContext,
  id: string,
  changes: SubscriptionChanges,
): Promise<VisibleSubscription> {
  if (!isUuid(id)) throw notFound('subscription', id)
  if (changes.endpointUrl !== undefined) checkEndpoint(context, changes.endpointUrl)
  const subscription = await uniquely(() =>
    context.database.prisma.$transaction((transaction) => apply(transaction, id, changes)),
  )
  if (changes.isEnabled || changes.maxRequestsPerSecond !== undefined) context.onDue()
  return subscription
}

async function apply(transaction: Prisma.TransactionClient, id: string, changes: SubscriptionChanges) {
  // Locked, because the fingerprint is made of what stays and what changes.
  await transaction.$queryRaw`select 1 from subscriptions where id = ${id}::uuid for update`
  const before = await transaction.subscription.findUnique({ where: { id, deletedAt: null } })
  if (before === null) throw notFound('subscription', id)

  const { endpointUrl = before.endpointUrl, eventTypes = before.eventTypes } = changes
  const { isEnabled = before.isEnabled, description = before.description, secret = before.secret } = changes
  const { maxRequestsPerSecond = before.maxRequestsPerSecond } = changes
  const now = new Date()
  const rotation =
    secret === before.secret
      ? {}
      : {
          previousSecret: before.secret,
          previousSecretUntil: new Date(now.getTime() + PREVIOUS_SECRET_LASTS_MS),
        }
  return transaction.subscription.update({
    where: { id },
    data: {
      ...{ endpointUrl, eventTypes, isEnabled, description, maxRequestsPerSecond, secret },
      fingerprint: fingerprint(endpointUrl, eventTypes),
      ...rotation,
      updatedAt: now,
    },
    select: visibleFields,
  })
}
