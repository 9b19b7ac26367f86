/**
 * Pages of events, newest first. For several statuses or types, PostgreSQL would read all their events and sort them,
 * or go through the table until a page is full. So the statement takes a page of each from an ordered index, and merges
 * the pages.
 */
import { type Event, EventStatus, Prisma } from '../generated/prisma/client.js'
import { toStoredKey } from '../model/tenant.js'
import {
  type KeysetPage,
  sqlAnd,
  sqlBehind,
  sqlInRange,
  sqlPage,
  type TimeRange,
} from '../platform/keyset.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { isUuid } from '../platform/uuid.js'
import { type Viewer, visibleFilter } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

export interface EventPage {
  filter: EventConditions | null | undefined
  /** Prisma's arguments: the page, from its end where `take` is negative, and the relations. */
  query: Pick<Prisma.EventFindManyArgs, 'include' | 'select'> & { take?: number; cursor?: object }
}

/** Every given condition must hold. An impossible id or text matches nothing. */
interface EventConditions {
  status?: EventStatus[] | null | undefined
  type?: string[] | null | undefined
  tenant?: string | null | undefined
  /** Of the events of `tenant`, or without it, of those that have none. */
  idempotencyKey?: string | null | undefined
  subscriptionId?: string | null | undefined
  createdAt?: TimeRange | null | undefined
}

/** More pages are not merged: PostgreSQL reads all events of these statuses and types instead. */
const MAX_MERGED_PAGES = 12
/** The number of a subscription's events to read before the search goes through all events of the filter. */
const MAX_READ_OF_SUBSCRIPTION = 1000

const id = Prisma.sql`e.id`

export async function loadEventPage(
  database: VisibleDatabase,
  { filter: asked, query }: EventPage,
): Promise<Event[]> {
  const filter = visibleFilter(database, asked)
  if (filter === undefined) return []
  const { take, cursor, include, select } = query
  const ids = await findIds(database, filter, { take, cursor })
  if (ids.length === 0) return []
  const rows = await database.prisma.event.findMany({
    ...(include && { include }),
    ...(select && { select }),
    where: { id: { in: ids } },
    orderBy: { id: 'desc' },
  } as Prisma.EventFindManyArgs)
  return rows as Event[]
}

/**
 * With a subscription, it reads the subscription's next events first. If these are many but don't fill the page, few of
 * them match the filter. Then it reads the events of the filter, and checks each for a delivery to the subscription.
 */
async function findIds(
  database: VisibleDatabase,
  filter: EventConditions,
  page: KeysetPage,
): Promise<string[]> {
  const { subscriptionId } = filter
  if (subscriptionId == null) return idsOf(database, pageSql(filter, page, []))
  if (!isUuid(subscriptionId)) return []
  const next = await idsOf(database, nextOfSubscriptionSql(database, subscriptionId, page))
  const found = await idsOf(database, pageSql(filter, page, [Prisma.sql`${id} = any(${next}::uuid[])`]))
  if (found.length === Math.abs(page.take ?? 0) || next.length < MAX_READ_OF_SUBSCRIPTION) return found
  const hasDelivery = Prisma.sql`${id} in (
    select d."eventId" from deliveries d where ${sqlAnd(ofSubscription(database, subscriptionId))})`
  return idsOf(database, pageSql(filter, page, [hasDelivery]))
}

async function idsOf({ prisma }: VisibleDatabase, sql: Prisma.Sql | undefined): Promise<string[]> {
  if (sql === undefined) return []
  const rows = await prisma.$queryRaw<{ id: string }[]>(sql)
  return rows.map(({ id }) => id)
}

/** SQL: the conditions for deliveries `d` to a subscription, as far as the viewer sees them. */
const ofSubscription = ({ tenant }: Viewer, subscriptionId: string): Prisma.Sql[] => [
  Prisma.sql`d."subscriptionId" = ${subscriptionId}::uuid`,
  ...(tenant === null ? [] : [Prisma.sql`d.tenant = ${tenant}`]),
]

function nextOfSubscriptionSql(viewer: Viewer, subscriptionId: string, page: KeysetPage): Prisma.Sql {
  const eventId = Prisma.sql`d."eventId"`
  const conditions = [...ofSubscription(viewer, subscriptionId), ...sqlBehind(eventId, page)]
  return Prisma.sql`
    select ${eventId} as id from deliveries d where ${sqlAnd(conditions)}
    ${sqlPage(eventId, page, MAX_READ_OF_SUBSCRIPTION)}`
}

/** Undefined when nothing can match. */
function pageSql(filter: EventConditions, page: KeysetPage, more: Prisma.Sql[]): Prisma.Sql | undefined {
  const pages = disjointConditions(filter).map((condition) => {
    const conditions = [...condition, ...otherConditions(filter), ...sqlBehind(id, page), ...more]
    return Prisma.sql`(select ${id} from events e where ${sqlAnd(conditions)} ${sqlPage(id, page)})`
  })
  if (pages.length <= 1) return pages[0]
  return Prisma.sql`select ${id} from (${Prisma.join(pages, ' union all ')}) as e ${sqlPage(id, page)}`
}

/**
 * An event meets at most one of these conditions: a status, a type, or a pair of both. The indexes of a tenant's events
 * are by status and by type, so without either, each status is asked for its page.
 */
function disjointConditions(filter: EventConditions): Prisma.Sql[][] {
  const isByStatus = filter.status != null || (filter.tenant != null && filter.type == null)
  const statuses = isByStatus ? [...new Set(filter.status ?? Object.values(EventStatus))] : undefined
  const types = filter.type == null ? undefined : [...new Set(filter.type.filter(isPostgresText))]
  if ((statuses?.length ?? 1) * (types?.length ?? 1) > MAX_MERGED_PAGES) {
    return [[...(statuses ? [sqlHasStatus(statuses)] : []), ...(types ? [sqlHasType(types)] : [])]]
  }
  const ofStatuses = statuses?.map((status) => [Prisma.sql`e.status = ${status}::"EventStatus"`]) ?? [[]]
  const ofTypes = types?.map((type) => [Prisma.sql`e.type = ${type}`]) ?? [[]]
  return ofStatuses.flatMap((status) => ofTypes.map((type) => [...status, ...type]))
}

const sqlHasStatus = (statuses: EventStatus[]) => Prisma.sql`e.status = any(${statuses}::"EventStatus"[])`
const sqlHasType = (types: string[]) => Prisma.sql`e.type = any(${types}::text[])`

function otherConditions({ tenant = null, idempotencyKey, createdAt }: EventConditions): Prisma.Sql[] {
  if (![tenant ?? '', idempotencyKey ?? ''].every(isPostgresText)) return [Prisma.sql`false`]
  return [
    ...sqlInRange(Prisma.sql`e."createdAt"`, createdAt),
    ...(tenant === null ? [] : [Prisma.sql`e.tenant = ${tenant}`]),
    ...(idempotencyKey == null
      ? []
      : [Prisma.sql`e."idempotencyKey" = ${toStoredKey(idempotencyKey, tenant)}`]),
  ]
}
