/**
 * Pages of deliveries, newest first, of all or of several events or subscriptions, a page of each: one statement for
 * the ids, however many parents there are, and a few more for the rows with their relations. Whatever the filter, a
 * page costs the same with ten deliveries and ten million:
 *
 * - Prisma's own way to load pages of relations reads every delivery that the parents have, and there may be a million.
 * - Of several statuses PostgreSQL would read all deliveries, and sort them, or go through the table until a page is
 *   full, which is to its end when there is none. So each status is asked for its own page, and they are merged.
 */
import { type Delivery, Prisma } from '../generated/prisma/client.js'
import { DeliveryStatus } from '../generated/prisma/enums.js'
import {
  type KeysetPage,
  sqlAnd,
  sqlBehind,
  sqlIdsOfRange,
  sqlInRange,
  sqlPage,
  type TimeRange,
} from '../platform/keyset.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { isUuid } from '../platform/uuid.js'
import { visibleFilter } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import {
  type Failure,
  type FailureConditions,
  findFailures,
  sqlFailureOrder,
  sqlIsAmong,
  sqlPagesOfFailures,
} from './failures.js'

export interface DeliveryPage {
  filter: DeliveryConditions | null | undefined
  /**
   * What Prisma's `findMany` would be asked for: the page, from its end where `take` is negative, and the relations.
   */
  query: Pick<Prisma.DeliveryFindManyArgs, 'take' | 'cursor' | 'include' | 'select'>
}

export interface RelatedPage extends DeliveryPage {
  /** The column of a delivery that names its parent. */
  by: 'eventId' | 'subscriptionId'
}

/** Every condition that is given must hold. An id that can't exist matches nothing. */
export interface DeliveryConditions extends FailureConditions {
  status?: DeliveryStatus[] | null | undefined
  eventId?: string | null | undefined
  subscriptionId?: string | null | undefined
  tenant?: string | null | undefined
  createdAt?: TimeRange | null | undefined
  updatedAt?: TimeRange | null | undefined
}

export async function loadPage(database: VisibleDatabase, asked: DeliveryPage): Promise<Delivery[]> {
  const filter = visibleFilter(database, asked.filter)
  if (filter === undefined) return []
  const page = { ...asked, filter }
  const failures = await failuresOf(database, page)
  return loadFound(database, page, pageSql(page, failures))
}

/** The pages of these parents, one after the other. */
export async function loadPages(
  database: VisibleDatabase,
  asked: RelatedPage,
  parentIds: string[],
): Promise<Delivery[]> {
  const filter = visibleFilter(database, asked.filter)
  if (filter === undefined) return []
  const page = { ...asked, filter }
  const ofParent = pageSql(page, await failuresOf(database, page), page.by)
  const sql = Prisma.sql`
    select page.id from unnest(${parentIds}::uuid[]) as parent (id) cross join lateral (${ofParent}) as page`
  return loadFound(database, page, sql)
}

async function loadFound({ prisma }: VisibleDatabase, { query }: DeliveryPage, idsSql: Prisma.Sql) {
  const { include, select } = query
  const found = await prisma.$queryRaw<{ id: string }[]>(idsSql)
  if (found.length === 0) return []
  const rows = await prisma.delivery.findMany({
    ...(include && { include }),
    ...(select && { select: { ...select, eventId: true, subscriptionId: true } }),
    where: { id: { in: found.map(({ id }) => id) } },
    orderBy: { id: 'desc' },
  } as Prisma.DeliveryFindManyArgs)
  return rows as Delivery[]
}

const id = Prisma.sql`d.id`

/** Undefined when the filter asks for none. */
async function failuresOf(
  database: VisibleDatabase,
  { filter }: DeliveryPage,
): Promise<Failure[] | undefined> {
  const { error, statusClass } = filter ?? {}
  return error == null && statusClass == null ? undefined : findFailures(database, { error, statusClass })
}

/** The ids of a page, of the parent `parent` where a column names it. */
function pageSql(
  { filter, query }: DeliveryPage,
  failures: Failure[] | undefined,
  by?: RelatedPage['by'],
): Prisma.Sql {
  const { status, error, statusClass, ...others } = filter ?? {}
  const page = query as KeysetPage
  const ofParent = by === undefined ? [] : [Prisma.sql`${column(by)} = parent.id`]
  const conditions = [...ofParent, ...conditionsOf(others), ...sqlBehind(id, page)]
  const pageOf = (more: Prisma.Sql[]) => Prisma.sql`
    select d.id from deliveries d where ${sqlAnd([...conditions, ...more])} ${sqlPage(id, page)}`

  const pageOfFailures = (of: Failure[], wantsSent: boolean) => {
    const direction = Prisma.raw((page.take ?? 0) < 0 ? 'asc' : 'desc')
    const failedPage = (more: Prisma.Sql[]) => Prisma.sql`
      select d.id from deliveries d where ${sqlAnd([...conditions, ...more])}
      order by ${sqlFailureOrder(direction)} limit ${Math.abs(page.take ?? 0)}`
    const statuses = new Set(status ?? Object.values(DeliveryStatus))
    const sentPage = Prisma.sql`union all (${pageOf([Prisma.sql`d.status = 'SENT'`])})`
    const sent = wantsSent && statuses.delete('SENT') ? sentPage : Prisma.empty
    return Prisma.sql`
      select one.id from (${sqlPagesOfFailures(of, [...statuses], failedPage)} ${sent}) as one
      ${sqlPage(Prisma.sql`one.id`, page)}`
  }
  if (failures !== undefined) {
    // A delivery is SENT exactly when its last answer was 2xx, and then it has no error.
    const wantsSent = error == null && statusClass?.includes('HTTP_2XX') === true
    // An event has few deliveries, so they are looked at one by one.
    if (by === 'eventId' || others.eventId != null) conditions.push(sqlIsAmong(failures, wantsSent))
    else return pageOfFailures(failures, wantsSent)
  }

  const isOfEvent = by === 'eventId' || others.eventId != null
  const isOfSubscription = by === 'subscriptionId' || others.subscriptionId != null
  const isByStatus = isOfSubscription || (others.tenant != null && !isOfEvent)
  if (status == null && !isByStatus) return pageOf([])
  // The indexes of the deliveries of a subscription and of a tenant are by status, so without a filter each status is
  // asked for its page.
  const statuses = [...new Set(status ?? Object.values(DeliveryStatus))]
  return Prisma.sql`
    select one.id from unnest(${statuses}::"DeliveryStatus"[]) as wanted (status)
    cross join lateral (${pageOf([Prisma.sql`d.status = wanted.status`])}) as one
    ${sqlPage(Prisma.sql`one.id`, page)}`
}

function conditionsOf(filter: DeliveryConditions): Prisma.Sql[] {
  const { eventId, subscriptionId, tenant, createdAt, updatedAt } = filter
  const conditions: Prisma.Sql[] = []
  if (tenant != null)
    conditions.push(isPostgresText(tenant) ? Prisma.sql`d.tenant = ${tenant}` : Prisma.sql`false`)
  for (const [name, id] of Object.entries({ eventId, subscriptionId })) {
    if (id != null)
      conditions.push(isUuid(id) ? Prisma.sql`${column(name)} = ${id}::uuid` : Prisma.sql`false`)
  }
  for (const [name, range] of Object.entries({ createdAt, updatedAt }))
    conditions.push(...sqlInRange(column(name), range))
  // So a list of an hour reads the deliveries of that hour only. Nothing was changed before it was created.
  conditions.push(...sqlIdsOfRange(id, createdAt ?? {}), ...sqlIdsOfRange(id, { to: updatedAt?.to }))
  return conditions
}

const column = (name: string): Prisma.Sql => Prisma.raw(`d."${name}"`)
