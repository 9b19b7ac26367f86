import { notFound } from '../errors.js'
import type { Prisma } from '../generated/prisma/client.js'
import type { StoredKeyPair } from '../secrets/key-pairs.js'
import type { FormerSecret } from '../secrets/valid-secrets.js'

/**
 * Reads a subscription that the transaction is going to change by what it is now. Others wait for the end of the
 * transaction, so no change is lost.
 *
 * @throws ServiceError NOT_FOUND
 */
export async function lockSubscription(transaction: Prisma.TransactionClient, id: string) {
  await transaction.$queryRaw`select 1 from subscriptions where id = ${id}::uuid for no key update`
  const subscription = await transaction.subscription.findUnique({ where: { id, deletedAt: null } })
  if (subscription === null) throw notFound('subscription', id)
  const { formerSecrets, keyPairs } = subscription
  return {
    ...subscription,
    formerSecrets: formerSecrets as FormerSecret[],
    keyPairs: keyPairs as StoredKeyPair[],
  }
}
