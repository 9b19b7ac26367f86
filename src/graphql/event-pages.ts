/**
 * Pages of events, newest first. Of several statuses or types PostgreSQL would read all events, and sort them, or go
 * through the table until a page is full, which is to its end when there is none. So each is asked for its own page, by
 * an index that has them in order, and the pages are merged.
 */
import type { Range } from '../deliveries/pages.js'
import type { Event, EventStatus, Prisma } from '../generated/prisma/client.js'
import type { Database } from '../platform/postgres/database.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { isUuid } from '../platform/uuid.js'
import { byText, condition, inRange, oneOf } from './filters.js'

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
/** Events of a subscription that are looked through for a page before all events are. */
const LOOKED_THROUGH = 1000

export async function loadEventPage(database: Database, { filter, query }: EventPage): Promise<Event[]> {
  const { take = 0, cursor, include, select } = query
  const found = await findIds(database, filter, { limit: Math.abs(take), isFromEnd: take < 0, cursor })
  if (found.length === 0) return []
  const rows = await database.prisma.event.findMany({
    ...(include && { include }),
    ...(select && { select }),
    where: { id: { in: found } },
    orderBy: { id: 'desc' },
  } as Prisma.EventFindManyArgs)
  return rows as Event[]
}

/** Where a page is: behind the cursor, or at the beginning, or counted from the end. */
interface Place {
  limit: number
  isFromEnd: boolean
  cursor: Prisma.EventWhereUniqueInput | undefined
}

/**
 * Of a subscription, its next events are looked through. Only where they are many and don't fill the page, what is
 * rare among them is found otherwise: by its status or type.
 */
async function findIds(database: Database, filter: EventPage['filter'], place: Place): Promise<string[]> {
  const subscriptionId = filter?.subscriptionId
  if (subscriptionId == null) return findPage(database, filter, place, {})
  if (!isUuid(subscriptionId)) return []
  const next = await nextOf(database, subscriptionId, place)
  const found = await findPage(database, filter, place, { id: { in: next } })
  if (found.length === place.limit || next.length < LOOKED_THROUGH) return found
  return findPage(database, filter, place, { deliveries: { some: { subscriptionId } } })
}

async function nextOf({ prisma }: Database, subscriptionId: string, place: Place): Promise<string[]> {
  const deliveries = await prisma.delivery.findMany({
    where: { subscriptionId, eventId: behind(place) },
    select: { eventId: true },
    orderBy: { eventId: orderOf(place) },
    take: LOOKED_THROUGH,
  })
  return deliveries.map(({ eventId }) => eventId)
}

async function findPage(
  { prisma }: Database,
  filter: EventPage['filter'],
  place: Place,
  wanted: Prisma.EventWhereInput,
): Promise<string[]> {
  const pages = await Promise.all(
    split(filter).map((part) =>
      prisma.event.findMany({
        where: { AND: [part, othersOf(filter), { id: behind(place) }, wanted] },
        select: { id: true },
        orderBy: { id: orderOf(place) },
        take: place.limit,
      }),
    ),
  )
  const ids = pages.flatMap((page) => page.map(({ id }) => id)).sort()
  return place.isFromEnd ? ids.slice(0, place.limit) : ids.slice(-place.limit)
}

const orderOf = ({ isFromEnd }: Place) => (isFromEnd ? 'asc' : 'desc')

const behind = ({ isFromEnd, cursor }: Place): Prisma.UuidFilter =>
  cursor === undefined ? {} : { [isFromEnd ? 'gt' : 'lt']: cursor.id }

/** Conditions of which each event answers to one at most. */
function split(filter: EventConditions | null | undefined): Prisma.EventWhereInput[] {
  const { status } = filter ?? {}
  const type = filter?.type?.filter(isPostgresText)
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
