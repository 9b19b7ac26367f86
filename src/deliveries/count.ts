import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

/** `$1` event ids. */
const countVisible = forViewer(
  { name: 'count-visible-deliveries', parameters: 1 },
  ({ isVisible }) => `
    select "eventId" as id, count(*)::int as count from deliveries d
    where "eventId" = any($1::uuid[]) and ${isVisible('d')} group by "eventId"`,
)

interface CountVisibleRow {
  id: string
  count: number
}

/** @returns by the id of the event, how many of its deliveries the viewer sees; no entry where it sees none */
export async function countDeliveries(
  database: VisibleDatabase,
  eventIds: string[],
): Promise<Map<string, number>> {
  const rows = await database.query<CountVisibleRow>(countVisible, [eventIds])
  return new Map(rows.map(({ id, count }) => [id, count]))
}
