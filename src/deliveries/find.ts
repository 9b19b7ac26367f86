import { notFound } from '../errors.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { Database } from '../platform/database.js'
import { type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'

export interface DeliveryFilter {
  status?: DeliveryStatus | undefined
  eventId?: string | undefined
  subscriptionId?: string | undefined
}

/** Deliveries, newest first. An id in the filter that can't exist matches nothing. */
export async function listDeliveries({ prisma }: Database, filter: DeliveryFilter, page: PageRequest) {
  const ids = [filter.eventId, filter.subscriptionId].filter((id) => id !== undefined)
  const { where, ...order } = pageArguments(page)
  if (!ids.every(isUuid)) return toPage([], page.limit)
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
  return toPage(await prisma.delivery.findMany({ where: { ...given, ...where }, ...order }), page.limit)
}

/** A delivery, without its logs. @throws ServiceError NOT_FOUND */
export async function findDelivery({ prisma }: Database, id: string) {
  const delivery = isUuid(id) ? await prisma.delivery.findUnique({ where: { id } }) : null
  if (delivery === null) throw notFound('delivery', id)
  return delivery
}
