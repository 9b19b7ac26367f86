/**
 * Lists, page by page. Rows come newest first by id; a cursor is the id of the last row seen, so that a page
 * never skips or repeats a row while others arrive, and the last page costs what the first does.
 */
import { z } from 'zod'

export interface PageRequest {
  limit: number
  /** Has passed `cursor`. */
  cursor?: string | undefined
}

export interface Page<Item> {
  items: Item[]
  nextCursor: string | null
}

export const DEFAULT_LIMIT = 50
export const MAX_LIMIT = 200

/** What to ask Prisma for: one row more than the page, to know whether another follows. */
export function pageArguments({ limit, cursor }: PageRequest) {
  return {
    orderBy: { id: 'desc' as const },
    take: limit + 1,
    ...(cursor === undefined ? {} : { where: { id: { lt: idOfCursor(cursor) } } }),
  }
}

export function toPage<Item extends { id: string }>(rows: Item[], limit: number): Page<Item> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last ? cursorOfId(last.id) : null }
}

/** The 16 bytes of an id in base64url. Of the last character only two bits count. */
export const cursor = z
  .string()
  .regex(/^[A-Za-z0-9_-]{21}[AQgw]$/, 'is not a cursor of this service; use the `nextCursor` of a page')

const cursorOfId = (id: string): string => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')

const idOfCursor = (text: string): string =>
  Buffer.from(text, 'base64url')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
