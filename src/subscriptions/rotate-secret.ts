/** Rotate: a new secret, which is shown this once, while the former one goes on signing for the overlap. */
import { notFound } from '../errors.js'
import type { Prisma } from '../generated/prisma/client.js'
import { tryAgainOnConflict } from '../platform/postgres/conflicts.js'
import { isUuid } from '../platform/uuid.js'
import { replaceSecret } from '../secrets/replace-secret.js'
import { generateSecret } from '../secrets/signing-secret.js'
import type { SubscriptionContext } from './create.js'
import { lockSubscription } from './lock.js'
import { type SecretRotation, type VisibleSubscription, visibleFields } from './subscription.js'

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
  return { ...subscription, secret }
}

async function replace(
  transaction: Prisma.TransactionClient,
  { secretCipher, clock }: SubscriptionContext,
  { id, secret, overlapHours }: SecretRotation & { id: string; secret: string },
) {
  const before = await lockSubscription(transaction, id)
  // Read after the lock: rotations that wait for each other end their secrets in order.
  const now = clock.now()
  return transaction.subscription.update({
    where: { id },
    data: { ...replaceSecret(secretCipher, before, secret, now, overlapHours), updatedAt: now },
    select: visibleFields,
  })
}
