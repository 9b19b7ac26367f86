import { notFound } from '../errors.js'
import { type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import type { SubscriptionContext } from './create.js'
import { toVisible, type VisibleSubscription, visibleFields } from './subscription.js'

type ReadingContext = Pick<SubscriptionContext, 'database' | 'clock'>

/** @throws ServiceError NOT_FOUND */
export async function findSubscription(
  { database: { prisma }, clock }: ReadingContext,
  id: string,
): Promise<VisibleSubscription> {
  const subscription = isUuid(id)
    ? await prisma.subscription.findUnique({ where: { id, deletedAt: null }, select: visibleFields })
    : null
  if (subscription === null) throw notFound('subscription', id)
  return toVisible(subscription, clock)
}

/** Subscriptions, newest first. */
export async function listSubscriptions(
  { database: { prisma }, clock }: ReadingContext,
  filter: { enabled?: boolean | undefined; label?: string[] | undefined; tenant?: string | undefined },
  page: PageRequest,
) {
  const { where, ...order } = pageArguments(page)
  const enabled = filter.enabled === undefined ? {} : { isEnabled: filter.enabled }
  const labels = filter.label === undefined ? {} : { labels: { hasEvery: filter.label } }
  const tenant = filter.tenant === undefined ? {} : { tenant: filter.tenant }
  const rows = await prisma.subscription.findMany({
    where: { ...enabled, ...labels, ...tenant, ...where, deletedAt: null },
    ...order,
    select: visibleFields,
  })
  const { items, nextCursor } = toPage(rows, page.limit)
  return { items: items.map((row) => toVisible(row, clock)), nextCursor }
}
