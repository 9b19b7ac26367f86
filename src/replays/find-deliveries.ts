/** The deliveries that a filter means. */

import type { StatusClass } from '../deliveries/failures.js'
import { Prisma } from '../generated/prisma/client.js'
import { statusesOfKind } from '../model/replay.js'
import { sqlAnd, sqlInRange } from '../platform/keyset.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { type ReplayFilter, readFilter } from './input.js'
import {
  type Candidate,
  type CountPage,
  type IndexedColumn,
  type PageRequest,
  type ReadPage,
  sqlIndexedPage,
  toPage,
} from './page.js'

export const findDeliveries: ReadPage = async (database, request) => {
  const filter = readFilter(request.task.filter)
  const rows = await database.prisma.$queryRaw<(Candidate & { fits: boolean })[]>(
    pageSql(database, filter, request),
  )
  return toPage(rows, request.limit)
}

interface PageCountRow {
  fitting: number
  seen: number
  last: string | null
}

/** Counts a page of them. */
export const countDeliveries: CountPage = async (database, request) => {
  const filter = readFilter(request.task.filter)
  const [counted] = await database.prisma.$queryRaw<PageCountRow[]>`
    select (count(*) filter (where page.fits))::int as fitting, count(*)::int as seen,
           (array_agg(page.id order by page.id desc))[1] as last
    from (${pageSql(database, filter, request)}) as page`
  const { fitting, seen, last } = counted as PageCountRow
  return { fitting, last: seen < request.limit ? undefined : (last ?? undefined) }
}

function pageSql({ tenant }: VisibleDatabase, filter: ReplayFilter, request: PageRequest): Prisma.Sql {
  const { status = statusesOfKind[request.task.kind], eventId, createdAt } = filter
  const id = Prisma.sql`w.id`
  const wanted = [...conditionsOfTenant(filter, tenant), ...otherConditions(filter)]
  if (request.task.kind !== 'DISCARD') wanted.push(canBeSent)
  const statuses = Prisma.sql`unnest(${[...new Set(status)]}::"DeliveryStatus"[]) as wanted (status)`
  const byStatus: IndexedColumn = [Prisma.sql`w.status`, Prisma.sql`wanted.status`]
  const page =
    eventId === undefined
      ? sqlIndexedPage(id, [...owner(filter, tenant), byStatus], request, createdAt)
      : // An event has few deliveries.
        Prisma.sql`
          where w."eventId" = ${eventId}::uuid and w.status = wanted.status
            and w.id > ${request.after}::uuid and w.id < ${request.task.id}::uuid
          order by w.id limit ${request.limit}`
  return Prisma.sql`
    select d.id, d."subscriptionId",
           coalesce(${sqlAnd(wanted)}, false) as fits
    from (
      select one.* from ${statuses} cross join lateral (select w.* from deliveries w ${page}) as one
      order by one.id limit ${request.limit}
    ) as d
    -- The limits make PostgreSQL look up each row by its id.
    left join lateral (
      select type, "isTest", "expiresAt", "erasedAt" from events where id = d."eventId" limit 1
    ) as e on true
    left join lateral (select id, "deletedAt" from subscriptions where id = d."subscriptionId" limit 1) as s on true
    order by d.id`
}

const canBeSent = Prisma.sql`
  not e."isTest" and e."erasedAt" is null and coalesce(e."expiresAt" > now(), true)
  and s.id is not null and s."deletedAt" is null`

/** Whose deliveries an index finds: those of a subscription, of a tenant, or all. */
function owner({ subscriptionId, tenant }: ReplayFilter, own: string | null): IndexedColumn[] {
  if (subscriptionId !== undefined)
    return [[Prisma.sql`w."subscriptionId"`, Prisma.sql`${subscriptionId}::uuid`]]
  const known = own ?? tenant
  return known === undefined ? [] : [[Prisma.sql`w.tenant`, Prisma.sql`${known}::text`]]
}

/** The one of the filter, and that of the API key that made the replay. */
const conditionsOfTenant = (filter: ReplayFilter, own: string | null): Prisma.Sql[] =>
  [filter.tenant, own].filter((tenant) => tenant != null).map((tenant) => Prisma.sql`d.tenant = ${tenant}`)

function otherConditions(filter: ReplayFilter): Prisma.Sql[] {
  const { type, subscriptionId, error, lastError, statusClass, isDiscarded, createdAt, updatedAt } = filter
  const conditions = [
    ...sqlInRange(Prisma.sql`d."createdAt"`, createdAt),
    ...sqlInRange(Prisma.sql`d."updatedAt"`, updatedAt),
  ]
  if (subscriptionId !== undefined) conditions.push(Prisma.sql`d."subscriptionId" = ${subscriptionId}::uuid`)
  if (type !== undefined) conditions.push(Prisma.sql`e.type = any(${type}::text[])`)
  if (error !== undefined)
    conditions.push(
      isPostgresText(error)
        ? Prisma.sql`position(lower(${error}::text) in lower(d."lastError")) > 0`
        : Prisma.sql`false`,
    )
  if (lastError !== undefined)
    conditions.push(
      isPostgresText(lastError) ? Prisma.sql`d."lastError" = ${lastError}::text` : Prisma.sql`false`,
    )
  if (isDiscarded !== undefined)
    conditions.push(Prisma.sql`(d."discardedAt" is not null) = ${isDiscarded}::bool`)
  if (statusClass !== undefined)
    conditions.push(
      Prisma.sql`coalesce(d."lastStatusCode" / 100, 0) = any(${statusClass.map(firstDigit)}::int[])`,
    )
  return conditions
}

const firstDigit = (statusClass: StatusClass): number =>
  statusClass === 'NONE' ? 0 : Number(statusClass.at('HTTP_'.length))
