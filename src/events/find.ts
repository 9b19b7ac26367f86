import { notFound } from '../errors.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import { MAX_LIMIT } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import type { RawJson } from './raw-json.js'

/** `$1` the event's id. It returns texts, because large numbers would lose digits as values. */
const loadPayload = forViewer(
  { name: 'load-payload', parameters: 1 },
  ({ isVisible }) =>
    `select data::text as data, metadata::text as metadata from events e where id = $1 and ${isVisible('e')}`,
)

interface LoadPayloadRow {
  data: RawJson
  metadata: RawJson | null
}

/** The limit for deliveries inside an event; `GET /v1/deliveries?eventId=` has them all, page by page. */
export const MAX_DELIVERIES_OF_AN_EVENT = MAX_LIMIT

/** An event with the first of its deliveries and each delivery's logs. @throws ServiceError NOT_FOUND */
export async function findEvent({ prisma, query }: VisibleDatabase, id: string) {
  if (!isUuid(id)) throw notFound('event', id)
  const [event, [payload]] = await Promise.all([
    prisma.event.findUnique({
      where: { id },
      omit: { data: true, metadata: true },
      include: {
        deliveries: {
          orderBy: { id: 'asc' },
          take: MAX_DELIVERIES_OF_AN_EVENT,
          include: { logs: { orderBy: { attempt: 'asc' }, omit: { headers: true, responseBody: true } } },
        },
      },
    }),
    query<LoadPayloadRow>(loadPayload, [id]),
  ])
  if (event === null || payload === undefined) throw notFound('event', id)
  return { ...event, payload }
}

/** An event's state without its payload. @throws ServiceError NOT_FOUND */
export async function summarizeEvent({ prisma }: VisibleDatabase, id: string) {
  const event = isUuid(id)
    ? await prisma.event.findUnique({
        where: { id },
        select: {
          ...{ id: true, type: true, tenant: true, status: true, deliverAt: true, expiresAt: true },
          ...{ erasedAt: true },
          ...{ createdAt: true, updatedAt: true },
        },
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
  if (event.status === 'SCHEDULED') return { ...event, deliveries, nextRunAt: event.deliverAt }
  const nextRuns = groups.flatMap(({ _min }) => (_min.nextRunAt === null ? [] : [_min.nextRunAt.getTime()]))
  return { ...event, deliveries, nextRunAt: nextRuns.length > 0 ? new Date(Math.min(...nextRuns)) : null }
}
