/** The events that a subscription missed: they match it, and it has no delivery of them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { compiledFilter } from '../filters/compiled-filters.js'
import { FilterError } from '../filters/filter.js'
import { type EventText, toFilteredEvent } from '../filters/filtered-event.js'
import { Prisma, type Subscription } from '../generated/prisma/client.js'
import { sqlStates } from '../model/delivery-states.js'
import { EVERY_TYPE, patternsOf } from '../model/event-type.js'
import { fromStoredFilter } from '../model/tenant.js'
import { sqlAnd, sqlInRange } from '../platform/keyset.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { type ReplayFilter, readFilter } from './input.js'
import { type IndexedColumn, type PageRequest, type ReadPage, sqlIndexedPage, toPage } from './page.js'

/** Their deliveries are made by the dispatcher, or never. */
export const undispatchedStates = ['PENDING', 'SCHEDULED', 'CANCELLED'] as const

/** More types are looked for among all events. */
const MAX_TYPES_BY_INDEX = 20
/** Bounds the memory for payloads, and the time for which the event loop is busy with a filter. */
const MAX_PAYLOADS = 50

interface EventRow extends Pick<EventText, 'type' | 'tenant'> {
  id: string
  /** Whether it is as the filter of the replay wants it, and has no delivery to the subscription. */
  fits: boolean
}

export const findMissed: ReadPage = async (database, request) => {
  const { missedBy } = request.task
  const subscription = await database.prisma.subscription.findUnique({ where: { id: missedBy ?? '' } })
  if (subscription === null || subscription.deletedAt !== null) return { fitting: [], last: undefined }
  const filter = fromStoredFilter(subscription.filter, subscription.tenant)
  const limit = filter === null ? request.limit : Math.min(request.limit, MAX_PAYLOADS)
  const page = pageSql(subscription, readFilter(request.task.filter), { ...request, limit })
  const rows = await database.prisma.$queryRaw<EventRow[]>(page)
  const matching = rows.filter((row) => row.fits && wants(subscription, row))
  const ids = filter === null ? undefined : await passing(database, filter, matching)
  return toPage(
    rows.map((row) => ({
      ...{ id: row.id, subscriptionId: subscription.id },
      fits: matching.includes(row) && (ids?.has(row.id) ?? true),
    })),
    limit,
  )
}

/** By type and tenant, as the matcher decides it. */
const wants = ({ eventTypes, tenant }: Subscription, event: EventRow): boolean =>
  (tenant === null || tenant === event.tenant) &&
  patternsOf(event.type).some((pattern) => eventTypes.includes(pattern))

function pageSql(subscription: Subscription, filter: ReplayFilter, request: PageRequest): Prisma.Sql {
  const id = Prisma.sql`c.id`
  // An event may have been created long before it was accepted, but not long after.
  const range = { from: filter.createdAt?.from }
  const page = (columns: IndexedColumn[]) =>
    Prisma.sql`select c.* from events c ${sqlIndexedPage(id, columns, request, range)}`
  const types = subscription.eventTypes
  const isByType = types.length <= MAX_TYPES_BY_INDEX && !types.some((type) => type.endsWith(EVERY_TYPE))
  const ofTenant: IndexedColumn[] =
    subscription.tenant === null ? [] : [[Prisma.sql`c.tenant`, Prisma.sql`${subscription.tenant}::text`]]
  const events = isByType
    ? Prisma.sql`
        select one.* from unnest(${types}::text[]) as wanted (type)
        cross join lateral (${page([...ofTenant, [Prisma.sql`c.type`, Prisma.sql`wanted.type`]])}) as one
        order by one.id limit ${request.limit}`
    : page([])
  const conditions = [
    ...sqlInRange(Prisma.sql`e."createdAt"`, filter.createdAt),
    ...(filter.type === undefined ? [] : [Prisma.sql`e.type = any(${filter.type}::text[])`]),
    ...(filter.tenant === undefined ? [] : [Prisma.sql`e.tenant = ${filter.tenant}`]),
  ]
  return Prisma.sql`
    select e.id, e.type, e.tenant,
           coalesce(${sqlAnd(conditions)} and not e."isTest" and e."erasedAt" is null
                    and coalesce(e."expiresAt" > now(), true)
                    and e.status not in (${Prisma.raw(sqlStates(undispatchedStates))}) and not exists (
             select from deliveries d where d."eventId" = e.id and d."subscriptionId" = ${subscription.id}::uuid
           ), false) as fits
    from (${events}) as e order by e.id`
}

/** The ids of the events for which the filter is true. One that fails for an event does not want it. */
async function passing(
  { prisma }: VisibleDatabase,
  filter: string,
  events: EventRow[],
): Promise<Set<string>> {
  const ids = events.map(({ id }) => id)
  const rows = await prisma.$queryRaw<(EventText & { id: string })[]>`
    select id, type, tenant, data::text as data, metadata::text as metadata, "createdAt"
    from events where id = any(${ids}::uuid[])`
  const passed = new Set<string>()
  for (const { id, ...event } of rows) {
    await nextTurn()
    if (test(filter, event)) passed.add(id)
  }
  return passed
}

function test(filter: string, event: EventText): boolean {
  try {
    return compiledFilter(filter).test(toFilteredEvent(event)).matches
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    return false
  }
}
