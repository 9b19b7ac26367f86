import { notFound } from '../errors.js'
import type { Prisma } from '../generated/prisma/client.js'
import { isUuid } from '../platform/uuid.js'
import { type SecretCipher, UnreadableSecretError } from '../secrets/cipher.js'
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
    context.database.prisma.$transaction((transaction) => apply(transaction, context, id, changes)),
  )
  if (changes.isEnabled || changes.maxRequestsPerSecond !== undefined) context.onDue()
  return subscription
}

async function apply(
  transaction: Prisma.TransactionClient,
  { secretCipher, clock }: SubscriptionContext,
  id: string,
  changes: SubscriptionChanges,
) {
  // Locked, because the fingerprint is made of what stays and what changes. Each new delivery locks the key of its
  // subscription: a lock `for update` would wait for a moment without any, which under load doesn't come.
  await transaction.$queryRaw`select 1 from subscriptions where id = ${id}::uuid for no key update`
  const before = await transaction.subscription.findUnique({ where: { id, deletedAt: null } })
  if (before === null) throw notFound('subscription', id)

  const { endpointUrl = before.endpointUrl, eventTypes = before.eventTypes } = changes
  const { isEnabled = before.isEnabled, description = before.description } = changes
  const { maxRequestsPerSecond = before.maxRequestsPerSecond } = changes
  const now = clock.now()
  return transaction.subscription.update({
    where: { id },
    data: {
      ...{ endpointUrl, eventTypes, isEnabled, description, maxRequestsPerSecond },
      fingerprint: fingerprint(endpointUrl, eventTypes),
      ...rotate(secretCipher, before, changes.secret, now),
      updatedAt: now,
    },
    select: visibleFields,
  })
}

/** The new secret, and the old one beside it; nothing when it is the one that is there. */
function rotate(
  cipher: SecretCipher,
  { id, secret: stored }: { id: string; secret: string },
  secret: string | undefined,
  now: Date,
) {
  if (secret === undefined) return {}
  const before = openIfReadable(cipher, id, stored)
  if (secret === before) return {}
  return {
    secret: cipher.seal(id, secret),
    previousSecret: before === null ? null : cipher.seal(id, before),
    previousSecretUntil: before === null ? null : new Date(now.getTime() + PREVIOUS_SECRET_LASTS_MS),
  }
}

/** Null for one whose key is lost: it can't sign, and a new secret is the way out. */
function openIfReadable(cipher: SecretCipher, id: string, stored: string): string | null {
  try {
    return cipher.open(id, stored)
  } catch (error) {
    if (error instanceof UnreadableSecretError) return null
    throw error
  }
}
