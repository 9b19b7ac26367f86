/**
 * Pages of deliveries, of all or of several events or subscriptions, a page of each: one statement for the ids, however
 * many parents there are, and a few more for the rows with their relations. Prisma's own way to load pages of relations
 * reads every delivery that the parents have, and an endpoint may have a million; and it writes a status so that
 * PostgreSQL doesn't see which it is when it plans, and passes over the indexes of what went wrong.
 */
import { type Delivery, Prisma } from '../generated/prisma/client.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { Database } from '../platform/database.js'
import { isUuid } from '../platform/uuid.js'
import { idsInRange, type Range } from './filters.js'

interface DeliveryPage {
  filter: DeliveryConditions | null | undefined
  /** What Pothos has `findMany` do: the page, from its end where `take` is negative, and the relations. */
  query: Pick<Prisma.DeliveryFindManyArgs, 'take' | 'cursor' | 'include' | 'select'>
}

export interface RelatedPage extends DeliveryPage {
  /** The column of a delivery that names its parent. */
  by: 'eventId' | 'subscriptionId'
}

interface DeliveryConditions {
  status?: DeliveryStatus[] | null | undefined
  eventId?: string | null | undefined
  subscriptionId?: string | null | undefined
  createdAt?: Range | null | undefined
  updatedAt?: Range | null | undefined
}

export interface RelatedDeliveries {
  /** A parent's page, newest first. */
  load(parentId: string, page: RelatedPage): Promise<Delivery[]>
}

interface Batch {
  parentIds: Set<string>
  rows: Promise<Delivery[]>
}

/** For one operation: pages that are asked for at the same moment, in the same words, are loaded together. */
export function createRelatedDeliveries(database: Database): RelatedDeliveries {
  const batches = new Map<string, Batch>()

  function begin(key: string, page: RelatedPage): Batch {
    const parentIds = new Set<string>()
    const filled = new Promise((resolve) => setImmediate(resolve))
    const rows = filled.then(() => {
      batches.delete(key)
      return loadPages(database, page, [...parentIds])
    })
    const batch = { parentIds, rows }
    batches.set(key, batch)
    return batch
  }

  return {
    async load(parentId, page) {
      const key = JSON.stringify(page)
      const { parentIds, rows } = batches.get(key) ?? begin(key, page)
      parentIds.add(parentId)
      return (await rows).filter((row) => row[page.by] === parentId)
    },
  }
}

/** A page of all deliveries, newest first. */
export const loadPage = (database: Database, page: DeliveryPage): Promise<Delivery[]> =>
  loadFound(database, page, pageSql(page, []))

/** The pages of these parents, one after the other. */
function loadPages(database: Database, page: RelatedPage, parentIds: string[]): Promise<Delivery[]> {
  const ofParent = pageSql(page, [Prisma.sql`${column(page.by)} = parent.id`])
  return loadFound(
    database,
    page,
    Prisma.sql`
      select page.id from unnest(${parentIds}::uuid[]) as parent (id)
      cross join lateral (${ofParent}) as page`,
  )
}

async function loadFound({ prisma }: Database, { query }: DeliveryPage, idsSql: Prisma.Sql) {
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

function pageSql({ filter, query }: DeliveryPage, more: Prisma.Sql[]): Prisma.Sql {
  const { take = 0, cursor } = query
  const isFromEnd = take < 0
  const conditions = [Prisma.sql`true`, ...more, ...conditionsOf(filter)]
  if (cursor?.id !== undefined) {
    conditions.push(isFromEnd ? Prisma.sql`d.id > ${cursor.id}::uuid` : Prisma.sql`d.id < ${cursor.id}::uuid`)
  }
  return Prisma.sql`
    select d.id from deliveries d
    where ${Prisma.join(conditions, ' and ')}
    order by d.id ${Prisma.raw(isFromEnd ? 'asc' : 'desc')}
    limit ${Math.abs(take)}`
}

function conditionsOf(filter: DeliveryConditions | null | undefined): Prisma.Sql[] {
  const { status, eventId, subscriptionId, createdAt, updatedAt } = filter ?? {}
  const conditions: Prisma.Sql[] = []
  if (status != null) conditions.push(Prisma.sql`d.status = any(${status}::"DeliveryStatus"[])`)
  for (const [name, id] of Object.entries({ eventId, subscriptionId })) {
    if (id != null)
      conditions.push(isUuid(id) ? Prisma.sql`${column(name)} = ${id}::uuid` : Prisma.sql`false`)
  }
  for (const [name, range] of Object.entries({ createdAt, updatedAt })) {
    if (range?.from) conditions.push(Prisma.sql`${column(name)} >= ${range.from}`)
    if (range?.to) conditions.push(Prisma.sql`${column(name)} < ${range.to}`)
  }
  const ids = idsInRange(createdAt)
  if (ids?.gte) conditions.push(Prisma.sql`d.id >= ${ids.gte}::uuid`)
  if (ids?.lte) conditions.push(Prisma.sql`d.id <= ${ids.lte}::uuid`)
  return conditions
}

const column = (name: string): Prisma.Sql => Prisma.raw(`d."${name}"`)
