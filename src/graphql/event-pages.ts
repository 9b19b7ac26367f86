/**
 * Pages of events, newest first. Of several statuses or types PostgreSQL would read all events, and sort them, or go
 * through the table until a page is full, which is to its end when there is none. So each is asked for its own page, by
 * an index that has them in order, and the pages are merged.
 */
import type { Range } from '../deliveries/pages.js'
import type { Event, EventStatus, Prisma } from '../generated/prisma/client.js'
import type { Database } from '../platform/database.js'
import { isStorable } from '../platform/storable.js'
import { byId, byText, condition, inRange, oneOf } from './filters.js'

export interface EventPage {
  filter: EventConditions | null | undefined
  /** What Pothos has `findMany` do: the page, from its end where `take` is negative, and the relations. */
  query: Pick<Prisma.EventFindManyArgs, 'take' | 'cursor' | 'include' | 'select'>
}

interface EventConditions {
  status?: EventStatus[] | null | undefined
  type?: string[] | null | undefined
  idempotencyKey?: string | null | undefined
  subscriptionId?: string | null | undefined
  createdAt?: Range | null | undefined
}

/** Pages that may be merged into one. */
const MOST_PAGES = 12
/** A subscription with fewer deliveries is a quiet one. */
const QUIET = 1000

export async function loadEventPage(database: Database, { filter, query }: EventPage): Promise<Event[]> {
  const { take = 0, cursor, include, select } = query
  const isFromEnd = take < 0
  const rest = [
    await wantedBy(database, filter?.subscriptionId),
    othersOf(filter),
    behind(cursor?.id, isFromEnd),
  ]
  const pages = await Promise.all(
    split(filter).map((part) =>
      database.prisma.event.findMany({
        where: { AND: [part, ...rest] },
        select: { id: true },
        orderBy: { id: isFromEnd ? 'asc' : 'desc' },
        take: Math.abs(take),
      }),
    ),
  )
  const ids = pages.flatMap((page) => page.map(({ id }) => id)).sort()
  const found = isFromEnd ? ids.slice(0, -take) : ids.slice(-take)
  if (take === 0 || found.length === 0) return []
  const rows = await database.prisma.event.findMany({
    ...(include && { include }),
    ...(select && { select }),
    where: { id: { in: found } },
    orderBy: { id: 'desc' },
  } as Prisma.EventFindManyArgs)
  return rows as Event[]
}

/** Conditions of which each event answers to one at most. */
function split(filter: EventConditions | null | undefined): Prisma.EventWhereInput[] {
  const { status } = filter ?? {}
  const type = filter?.type?.filter(isStorable)
  const statuses = status == null ? [{}] : [...new Set(status)].map((status) => ({ status }))
  const types = type == null ? [{}] : [...new Set(type)].map((type) => ({ type }))
  if (statuses.length * types.length <= MOST_PAGES) {
    return statuses.flatMap((one) => types.map((other) => ({ ...one, ...other })))
  }
  return [condition<Prisma.EventWhereInput>({ status: oneOf(status), type: oneOf(type) })]
}

const othersOf = (filter: EventConditions | null | undefined): Prisma.EventWhereInput =>
  condition<Prisma.EventWhereInput>({
    idempotencyKey: byText(filter?.idempotencyKey),
    createdAt: inRange(filter?.createdAt),
  })

function behind(id: Prisma.EventWhereUniqueInput['id'], isFromEnd: boolean): Prisma.EventWhereInput {
  if (id === undefined) return {}
  return { id: isFromEnd ? { gt: id } : { lt: id } }
}

/**
 * Has a delivery to this subscription. Of a busy one the newest events are asked, one after the other, until a page is
 * full. With a quiet one that could go through all events, so its few are named.
 */
async function wantedBy(
  { prisma }: Database,
  id: string | null | undefined,
): Promise<Prisma.EventWhereInput> {
  const subscriptionId = byId(id)
  if (subscriptionId === undefined) return {}
  const found = await prisma.delivery.findMany({
    where: { subscriptionId },
    select: { eventId: true },
    // As its index has them.
    orderBy: [{ status: 'desc' }, { id: 'desc' }],
    take: QUIET,
  })
  return found.length < QUIET
    ? { id: { in: found.map(({ eventId }) => eventId) } }
    : { deliveries: { some: { subscriptionId } } }
}
