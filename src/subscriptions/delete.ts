/**
 * Delete: the subscription is hidden at once, takes no more events and loses its secrets, and an equal one may be
 * created. Its deliveries stay as the history of their events. The delivery engine gives up the waiting ones in
 * batches.
 */
import { randomBytes } from 'node:crypto'
import { notFound } from '../errors.js'
import { Prisma } from '../generated/prisma/client.js'
import { tryAgainOnConflict } from '../platform/postgres/conflicts.js'
import { isUuid } from '../platform/uuid.js'
import type { SubscriptionContext } from './create.js'

/** @throws ServiceError NOT_FOUND */
export async function deleteSubscription(
  { database, clock, onDue, onChanged }: SubscriptionContext,
  id: string,
): Promise<void> {
  if (!isUuid(id)) throw notFound('subscription', id)
  const { count } = await tryAgainOnConflict(() =>
    database.prisma.subscription.updateMany({
      where: { id, deletedAt: null },
      data: {
        isEnabled: false,
        deletedAt: clock.now(),
        secret: '',
        formerSecrets: [],
        previousSecret: null,
        keyPairs: [],
        ...{ headers: Prisma.DbNull, secretHeaders: Prisma.DbNull, auth: Prisma.DbNull },
        clientCertificate: Prisma.DbNull,
        // Unlike any other, so that an equal subscription may be created.
        fingerprint: new Uint8Array(randomBytes(32)),
      },
    }),
  )
  if (count === 0) throw notFound('subscription', id)
  await onChanged()
  onDue()
}
