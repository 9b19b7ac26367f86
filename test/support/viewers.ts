import type { Database } from '../../src/platform/postgres/database.js'
import { createVisibleTo, type VisibleDatabase } from '../../src/tenants/visible-database.js'

/** The database as an API key without a tenant sees it. */
export const everythingIn = (database: Database): VisibleDatabase =>
  createVisibleTo(database)({ tenant: null })
