import { notFound } from '../errors.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { TimeRange } from '../platform/keyset.js'
import { type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import type { StatusClass } from './failures.js'
import { loadPage } from './pages.js'
import { withWaitingFor } from './waiting-for.js'

export interface DeliveryFilter {
  status?: DeliveryStatus | undefined
  eventId?: string | undefined
  subscriptionId?: string | undefined
  tenant?: string | undefined
  /** Text in the last error. */
  error?: string | undefined
  statusClass?: StatusClass | undefined
  createdAt?: TimeRange | undefined
  updatedAt?: TimeRange | undefined
}

/** Deliveries, newest first. An id in the filter that can't exist matches nothing. */
export async function listDeliveries(database: VisibleDatabase, filter: DeliveryFilter, page: PageRequest) {
  const { status, statusClass, ...others } = filter
  const { take, where } = pageArguments(page)
  const rows = await loadPage(database, {
    filter: {
      ...others,
      ...(status && { status: [status] }),
      ...(statusClass && { statusClass: [statusClass] }),
    },
    query: { take, ...(where && { cursor: { id: where.id.lt } }) },
  })
  const { items, nextCursor } = toPage(rows, page.limit)
  return { items: await withWaitingFor(database, items), nextCursor }
}

/** A delivery, without its logs. @throws ServiceError NOT_FOUND */
export async function findDelivery({ prisma }: VisibleDatabase, id: string) {
  const delivery = isUuid(id) ? await prisma.delivery.findUnique({ where: { id } }) : null
  if (delivery === null) throw notFound('delivery', id)
  return delivery
}
