/**
 * The deliveries of several events or subscriptions, a page of each: one statement for the ids, however many
 * parents there are, and a few more for the rows with their relations. Prisma's own way to load pages of
 * relations reads every delivery that the parents have, and an endpoint may have a million.
 */
import { type Delivery, Prisma } from '../generated/prisma/client.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { Database } from '../platform/database.js'
import { isUuid } from '../platform/uuid.js'
import type { Range } from './filters.js'

export interface RelatedPage {
  /** The column of a delivery that names its parent. */
  by: 'eventId' | 'subscriptionId'
  filter: DeliveryConditions | null | undefined
  /** What Pothos has `findMany` do: the page, from its end where `take` is negative, and the relations. */
  query: Pick<Prisma.DeliveryFindManyArgs, 'take' | 'cursor' | 'include' | 'select'>
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

async function loadPages({ prisma }: Database, page: RelatedPage, parentIds: string[]): Promise<Delivery[]> {
  const { include, select } = page.query
  const found = await prisma.$queryRaw<{ id: string }[]>(pagesSql(page, parentIds))
  if (found.length === 0) return []
  const rows = await prisma.delivery.findMany({
    ...(include && { include }),
    ...(select && { select: { ...select, eventId: true, subscriptionId: true } }),
    where: { id: { in: found.map(({ id }) => id) } },
    orderBy: { id: 'desc' },
  } as Prisma.DeliveryFindManyArgs)
  return rows as Delivery[]
}

function pagesSql({ by, filter, query }: RelatedPage, parentIds: string[]): Prisma.Sql {
  const { take = 0, cursor } = query
  const isFromEnd = take < 0
  const conditions = [Prisma.sql`${column(by)} = parent.id`, ...conditionsOf(filter)]
  if (cursor?.id !== undefined) {
    conditions.push(isFromEnd ? Prisma.sql`d.id > ${cursor.id}::uuid` : Prisma.sql`d.id < ${cursor.id}::uuid`)
  }
  return Prisma.sql`
    select page.id from unnest(${parentIds}::uuid[]) as parent (id)
    cross join lateral (
      select d.id from deliveries d
      where ${Prisma.join(conditions, ' and ')}
      order by d.id ${Prisma.raw(isFromEnd ? 'asc' : 'desc')}
      limit ${Math.abs(take)}
    ) as page`
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
  return conditions
}

const column = (name: string): Prisma.Sql => Prisma.raw(`d."${name}"`)
