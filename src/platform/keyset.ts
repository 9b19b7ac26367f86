/**
 * Keyset pages: rows newest first by their ids, from the last one seen on. A page never skips or repeats a row while
 * others arrive, and the last page costs what the first does. These are the parts of the statements that load them.
 */
import { Prisma } from '../generated/prisma/client.js'
import { ID_TIME_MARGIN_MS, leastUuidV7At } from './uuid.js'

/** Prisma's arguments of a page: `take` is negative for a page that is counted from the end. */
export interface KeysetPage {
  take?: number | undefined
  cursor?: { id?: string | undefined } | undefined
}

export interface TimeRange {
  from?: Date | null | undefined
  to?: Date | null | undefined
}

/** SQL: the conditions for rows behind the cursor. */
export function sqlBehind(id: Prisma.Sql, { take = 0, cursor }: KeysetPage): Prisma.Sql[] {
  if (cursor?.id === undefined) return []
  return [take < 0 ? Prisma.sql`${id} > ${cursor.id}::uuid` : Prisma.sql`${id} < ${cursor.id}::uuid`]
}

/** SQL: the end of a statement that selects one page. */
export const sqlPage = (id: Prisma.Sql, { take = 0 }: KeysetPage, limit = Math.abs(take)): Prisma.Sql =>
  Prisma.sql`order by ${id} ${Prisma.raw(take < 0 ? 'asc' : 'desc')} limit ${limit}`

/** SQL: the conditions for a time in a range. */
export function sqlInRange(time: Prisma.Sql, range: TimeRange | null | undefined): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = []
  if (range?.from) conditions.push(Prisma.sql`${time} >= ${range.from}`)
  if (range?.to) conditions.push(Prisma.sql`${time} < ${range.to}`)
  return conditions
}

/** SQL: the conditions for ids that rows created in a range can have. They need no index on the time. */
export function sqlIdsOfRange(id: Prisma.Sql, range: TimeRange): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = []
  if (range.from) conditions.push(Prisma.sql`${id} >= ${leastIdSince(range.from)}::uuid`)
  if (range.to) conditions.push(Prisma.sql`${id} <= ${greatestIdUntil(range.to)}::uuid`)
  return conditions
}

/** What a row that is created from then on, or until then, can have. */
export const leastIdSince = (time: Date): string => idAt(time, -ID_TIME_MARGIN_MS)
export const greatestIdUntil = (time: Date): string => idAt(time, ID_TIME_MARGIN_MS)

const idAt = (time: Date, marginMs: number): string => leastUuidV7At(new Date(time.getTime() + marginMs))

export const sqlAnd = (conditions: Prisma.Sql[]): Prisma.Sql =>
  conditions.length === 0 ? Prisma.sql`true` : Prisma.join(conditions, ' and ')
