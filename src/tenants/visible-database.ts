/**
 * The database as a viewer sees it: the only one that REST and GraphQL have. It takes no query that forgets the tenant:
 * Prisma gets the condition by itself, a statement is a `VisibleStatement`. Who writes raw SQL for Prisma has the
 * viewer's tenant at hand.
 */
import type { PrismaClient } from '../generated/prisma/client.js'
import type { Database } from '../platform/postgres/database.js'
import type { Viewer } from './viewer.js'
import { visibleRows } from './visible-rows.js'
import type { VisibleStatement } from './visible-statement.js'

export interface VisibleDatabase extends Viewer {
  readonly prisma: PrismaClient
  /** @throws DatabaseUnavailableError */
  query<Row extends object>(statement: VisibleStatement, values: unknown[]): Promise<Row[]>
}

export type VisibleTo = (viewer: Viewer) => VisibleDatabase

/** The most tenants whose clients of Prisma are kept. */
const MAX_KEPT = 1000

export function createVisibleTo(database: Database): VisibleTo {
  const kept = new Map<string | null, VisibleDatabase>()

  function create(tenant: string | null): VisibleDatabase {
    const { prisma } = database
    return {
      tenant,
      prisma: tenant === null ? prisma : visibleRows(prisma, tenant),
      query: (statement, values) => database.query(statement, [...values, tenant]),
    }
  }

  return ({ tenant }) => {
    const known = kept.get(tenant)
    if (known !== undefined) return known
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string | null)
    const visible = create(tenant)
    kept.set(tenant, visible)
    return visible
  }
}
