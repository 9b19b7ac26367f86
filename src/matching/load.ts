/** Reads subscriptions for the index: all of them, or what changed since a view. */
import { loadFilters } from '../filters/compiled-filters.js'
import { sqlRowsOfKinds } from '../model/row-kinds.js'
import { fromStoredFilter } from '../model/tenant.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { createSubscriptionIndex, type EventTypes, type SubscriptionIndex } from './subscription-index.js'
import { sqlIsOfThisServer, sqlOwnView, type View, viewColumns, viewParameters } from './view.js'

/** An index with the changes that it contains. */
export interface IndexedSubscriptions {
  index: SubscriptionIndex
  view: View
}

/** After more changes than this it is cheaper to read everything. */
const MAX_CHANGES = 10_000

/** Bounds the memory for one answer, and the time for which the event loop is busy with it. */
const PAGE_SIZE = 5000

/** `EventTypes` of the index; none for a subscription that is disabled. */
const sqlEventTypes = `case when "isEnabled" then array_to_string("eventTypes", ' ') else '' end as "eventTypes"`
const sqlColumns = `${sqlEventTypes}, filter, tenant`

/** `$1`, `$2`, `$3`: `ViewParameters`. One snapshot finds the changes and is the view that contains them. */
const findChanged: Statement = {
  name: 'find-changed-subscriptions',
  text: `
    with own as materialized (${sqlOwnView}), changed as (
      select id, ${sqlColumns} from subscriptions where "changedIn" >= $2::bigint
      union all
      select later.* from unnest($3::bigint[]) as open (id)
      cross join lateral (
        select id, ${sqlColumns} from subscriptions where "changedIn" = open.id
        offset 0
      ) as later
    ), first as (
      select * from changed where ${sqlIsOfThisServer('$1')} limit ${MAX_CHANGES + 1}
    )
    ${sqlRowsOfKinds({
      view: { columns: viewColumns, from: 'own' },
      subscription: {
        columns: { id: 'uuid', eventTypes: 'text', filter: 'text', tenant: 'text' },
        from: 'first',
      },
    })}`,
}

type FindChangedRow = ({ kind: 'view' } & View) | ({ kind: 'subscription' } & SubscriptionRow)

interface SubscriptionRow {
  id: string
  eventTypes: EventTypes
  filter: string | null
  tenant: string | null
}

const readView: Statement = { name: 'read-view', text: sqlOwnView }

/**
 * After a restore, rows may name transactions that this server has not had yet. Each would count as a change for ever,
 * so they get the number of this one.
 */
const adoptRestored: Statement = {
  name: 'adopt-restored-subscriptions',
  text: `
    update subscriptions set "changedIn" = 0
    where "changedIn" >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint`,
}

/** `$1` the last id of the page before. */
const readPage: Statement = {
  name: 'read-subscriptions-to-match',
  text: `
    select id, ${sqlColumns} from subscriptions where id > $1::uuid and "isEnabled"
    order by id limit ${PAGE_SIZE}`,
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** Reads all. What changes meanwhile may be in the index or not; the view doesn't claim it, so it is read again. */
export async function loadAll(database: Database): Promise<IndexedSubscriptions> {
  await database.query(adoptRestored, [])
  const [view] = await database.query<View>(readView, [])
  const index = createSubscriptionIndex()
  for (let after: string | undefined = FIRST_ID; after !== undefined; ) {
    const page: SubscriptionRow[] = await database.query<SubscriptionRow>(readPage, [after])
    await put(page, index)
    after = page.length === PAGE_SIZE ? page.at(-1)?.id : undefined
  }
  return { index, view: view as View }
}

/** Brings an index up to date. Returns another one where too much has changed, or where the server is another one. */
export async function loadChanges(
  database: Database,
  { index, view }: IndexedSubscriptions,
): Promise<IndexedSubscriptions> {
  const rows = await database.query<FindChangedRow>(findChanged, viewParameters(view))
  const changed = rows.filter((row) => row.kind === 'subscription')
  const { kind: _, ...now } = rows.find((row) => row.kind === 'view') as FindChangedRow & { kind: 'view' }
  if (now.serverStart !== view.serverStart || changed.length > MAX_CHANGES) return loadAll(database)
  await put(changed, index)
  return { index, view: now }
}

async function put(rows: SubscriptionRow[], index: SubscriptionIndex): Promise<void> {
  if (rows.some((row) => ownFilter(row) !== null)) await loadFilters()
  for (const row of rows) index.set(row.id, row.eventTypes, ownFilter(row), row.tenant)
}

const ownFilter = ({ filter, tenant }: SubscriptionRow) => fromStoredFilter(filter, tenant)
