/**
 * Rotate: a new secret, which is shown this once, and a new key pair where there is one. The former ones go on signing
 * for the overlap.
 */
import { notFound } from '../errors.js'
import type { Prisma } from '../generated/prisma/client.js'
import { tryAgainOnConflict } from '../platform/postgres/conflicts.js'
import { isUuid } from '../platform/uuid.js'
import { rotateKeyPairs } from '../secrets/key-pairs.js'
import { DEFAULT_OVERLAP_HOURS, replaceSecret } from '../secrets/replace-secret.js'
import { generateSecret } from '../secrets/signing-secret.js'
import type { SubscriptionContext } from './create.js'
import { lockSubscription } from './lock.js'
import { type SecretRotation, toVisible, type VisibleSubscription, visibleFields } from './subscription.js'

/** @throws ServiceError NOT_FOUND */
export async function rotateSecret(
  context: SubscriptionContext,
  id: string,
  rotation: SecretRotation,
): Promise<VisibleSubscription & { secret: string }> {
  if (!isUuid(id)) throw notFound('subscription', id)
  const secret = generateSecret()
  const subscription = await tryAgainOnConflict(() =>
    context.database.prisma.$transaction((transaction) =>
      replace(transaction, context, { id, secret, ...rotation }),
    ),
  )
  await context.onChanged()
  return { ...toVisible(subscription, context.clock), secret }
}

async function replace(
  transaction: Prisma.TransactionClient,
  { secretCipher, clock }: SubscriptionContext,
  { id, secret, overlapHours = DEFAULT_OVERLAP_HOURS }: SecretRotation & { id: string; secret: string },
) {
  const before = await lockSubscription(transaction, id)
  // Read after the lock: rotations that wait for each other end their secrets in order.
  const now = clock.now()
  const hasKeyPair = before.keyPairs.length > 0 || before.signatures.includes('V1A')
  return transaction.subscription.update({
    where: { id },
    data: {
      ...replaceSecret(secretCipher, before, secret, now, overlapHours),
      ...(hasKeyPair && {
        keyPairs: rotateKeyPairs(secretCipher, before.keyPairs, { subscriptionId: id, now, overlapHours }),
      }),
      updatedAt: now,
    },
    select: visibleFields,
  })
}
