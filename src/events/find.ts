import { notFound } from '../errors.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { Database } from '../platform/database.js'
import { isUuid } from '../platform/uuid.js'

/** An event with its deliveries and each delivery's logs. @throws ServiceError NOT_FOUND */
export async function findEvent({ prisma }: Database, id: string) {
  const event = isUuid(id)
    ? await prisma.event.findUnique({
        where: { id },
        include: {
          deliveries: { orderBy: { id: 'asc' }, include: { logs: { orderBy: { attempt: 'asc' } } } },
        },
      })
    : null
  if (event === null) throw notFound('event', id)
  return event
}

/** Where an event stands, without its payload. @throws ServiceError NOT_FOUND */
export async function summarizeEvent({ prisma }: Database, id: string) {
  const event = isUuid(id)
    ? await prisma.event.findUnique({
        where: { id },
        select: { id: true, type: true, status: true, createdAt: true, updatedAt: true },
      })
    : null
  if (event === null) throw notFound('event', id)
  const groups = await prisma.delivery.groupBy({
    by: ['status'],
    where: { eventId: id },
    _count: true,
    _min: { nextRunAt: true },
  })
  const deliveries: Record<DeliveryStatus, number> = { PENDING: 0, SENT: 0, FAILED: 0, DEAD: 0 }
  for (const { status, _count } of groups) deliveries[status] = _count
  const nextRuns = groups.flatMap(({ _min }) => (_min.nextRunAt === null ? [] : [_min.nextRunAt.getTime()]))
  return { ...event, deliveries, nextRunAt: nextRuns.length > 0 ? new Date(Math.min(...nextRuns)) : null }
}
