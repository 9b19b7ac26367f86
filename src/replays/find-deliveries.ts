/** The deliveries that a filter means. */

import type { StatusClass } from '../deliveries/failures.js'
import { Prisma } from '../generated/prisma/client.js'
import { transitions } from '../model/delivery-states.js'
import { sqlAnd, sqlInRange } from '../platform/keyset.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { type ReplayFilter, readFilter } from './input.js'
import {
  type Candidate,
  type PageRequest,
  type ReadPage,
  sqlIdsLeft,
  sqlOrderedPage,
  toPage,
} from './page.js'

export const findDeliveries: ReadPage = async (database, request) => {
  const filter = readFilter(request.task.filter)
  const rows = await database.prisma.$queryRaw<(Candidate & { fits: boolean })[]>(
    pageSql(database, filter, request),
  )
  return toPage(rows, request.limit)
}

function pageSql({ tenant }: VisibleDatabase, filter: ReplayFilter, request: PageRequest): Prisma.Sql {
  const { status = transitions.replay.from, eventId, subscriptionId, createdAt } = filter
  const id = Prisma.sql`w.id`
  const wanted = [...conditionsOfTenant(filter, tenant), ...otherConditions(filter)]
  const byIndex = [
    ...sqlIdsLeft(id, request, createdAt),
    Prisma.sql`w.status = wanted.status`,
    ...sqlEqual('w."eventId"', eventId),
    ...sqlEqual('w."subscriptionId"', subscriptionId),
    // A delivery has the tenant of its subscription: the index of either finds it.
    ...(eventId === undefined && subscriptionId === undefined
      ? conditionsOfTenant(filter, tenant, Prisma.sql`w.tenant`)
      : []),
  ]
  return Prisma.sql`
    select d.id, d."subscriptionId",
           coalesce(${sqlAnd(wanted)} and not e."isTest" and coalesce(e."expiresAt" > now(), true)
                    and s.id is not null and s."deletedAt" is null, false) as fits
    from (
      select one.* from unnest(${[...new Set(status)]}::"DeliveryStatus"[]) as wanted (status)
      cross join lateral (select w.* from deliveries w ${sqlOrderedPage(id, byIndex, request.limit)}) as one
      order by one.id limit ${request.limit}
    ) as d
    -- The limits make PostgreSQL look up each row by its id.
    left join lateral (select type, "isTest", "expiresAt" from events where id = d."eventId" limit 1) as e on true
    left join lateral (select id, "deletedAt" from subscriptions where id = d."subscriptionId" limit 1) as s on true
    order by d.id`
}

const sqlEqual = (column: string, id: string | undefined): Prisma.Sql[] =>
  id === undefined ? [] : [Prisma.sql`${Prisma.raw(column)} = ${id}::uuid`]

/** The one of the filter, and that of the API key that made the replay. */
const conditionsOfTenant = (
  filter: ReplayFilter,
  own: string | null,
  column: Prisma.Sql = Prisma.sql`d.tenant`,
): Prisma.Sql[] =>
  [filter.tenant, own].filter((tenant) => tenant != null).map((tenant) => Prisma.sql`${column} = ${tenant}`)

function otherConditions({ type, error, statusClass, createdAt, updatedAt }: ReplayFilter): Prisma.Sql[] {
  const conditions = [
    ...sqlInRange(Prisma.sql`d."createdAt"`, createdAt),
    ...sqlInRange(Prisma.sql`d."updatedAt"`, updatedAt),
  ]
  if (type !== undefined) conditions.push(Prisma.sql`e.type = any(${type}::text[])`)
  if (error !== undefined)
    conditions.push(
      isPostgresText(error)
        ? Prisma.sql`position(lower(${error}::text) in lower(d."lastError")) > 0`
        : Prisma.sql`false`,
    )
  if (statusClass !== undefined)
    conditions.push(
      Prisma.sql`coalesce(d."lastStatusCode" / 100, 0) = any(${statusClass.map(firstDigit)}::int[])`,
    )
  return conditions
}

const firstDigit = (statusClass: StatusClass): number =>
  statusClass === 'NONE' ? 0 : Number(statusClass.at('HTTP_'.length))
