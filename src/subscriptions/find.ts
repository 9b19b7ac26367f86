import { notFound } from '../errors.js'
import { type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import type { Database } from '../platform/postgres/database.js'
import { isUuid } from '../platform/uuid.js'
import { type VisibleSubscription, visibleFields } from './subscription.js'

/** @throws ServiceError NOT_FOUND */
export async function findSubscription({ prisma }: Database, id: string): Promise<VisibleSubscription> {
  const subscription = isUuid(id)
    ? await prisma.subscription.findUnique({ where: { id, deletedAt: null }, select: visibleFields })
    : null
  if (subscription === null) throw notFound('subscription', id)
  return subscription
}

/** Subscriptions, newest first. */
export async function listSubscriptions(
  { prisma }: Database,
  filter: { enabled?: boolean | undefined },
  page: PageRequest,
) {
  const { where, ...order } = pageArguments(page)
  const enabled = filter.enabled === undefined ? {} : { isEnabled: filter.enabled }
  const rows = await prisma.subscription.findMany({
    where: { ...enabled, ...where, deletedAt: null },
    ...order,
    select: visibleFields,
  })
  return toPage(rows, page.limit)
}
