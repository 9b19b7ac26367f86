/** The deliveries that changed in a span of time, in the order of their changes, for subscribers that missed them. */
import { Prisma } from '../generated/prisma/client.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import { type DeliverySnapshot, sqlDeliverySnapshot } from '../model/delivery-snapshot.js'
import { sqlAnd } from '../platform/keyset.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

export interface ChangedSince {
  from: Date
  /** Inclusive. A delivery that changes again after this time is left out. */
  to: Date
  eventId?: string | undefined
  subscriptionId?: string | undefined
  status?: readonly DeliveryStatus[] | undefined
}

const PAGE_SIZE = 500

/**
 * Each delivery once, as it is now: of several changes in the span the last one counts. A page is read when the
 * deliveries of the page before have been taken.
 */
export async function* changedSince(
  { prisma, tenant }: VisibleDatabase,
  { from, to, eventId, subscriptionId, status }: ChangedSince,
): AsyncGenerator<DeliverySnapshot, void> {
  const conditions = [
    ...(tenant === null ? [] : [Prisma.sql`d.tenant = ${tenant}`]),
    Prisma.sql`d."updatedAt" <= ${to}`,
    ...(eventId === undefined ? [] : [Prisma.sql`d."eventId" = ${eventId}::uuid`]),
    ...(subscriptionId === undefined ? [] : [Prisma.sql`d."subscriptionId" = ${subscriptionId}::uuid`]),
    ...(status === undefined ? [] : [Prisma.sql`d.status = any(${[...status]}::"DeliveryStatus"[])`]),
  ]
  let behind = Prisma.sql`d."updatedAt" >= ${from}`
  let page: DeliverySnapshot[]
  do {
    page = await prisma.$queryRaw<DeliverySnapshot[]>`
      select ${Prisma.raw(sqlDeliverySnapshot('d'))} from deliveries d where ${sqlAnd([behind, ...conditions])}
      order by d."updatedAt", d.id limit ${PAGE_SIZE}`
    yield* page
    const last = page.at(-1)
    if (last !== undefined) behind = Prisma.sql`(d."updatedAt", d.id) > (${last.updatedAt}, ${last.id}::uuid)`
  } while (page.length === PAGE_SIZE)
}
