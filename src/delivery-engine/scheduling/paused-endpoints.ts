import type { Database, Statement } from '../../platform/postgres/database.js'

const countPausedEndpoints: Statement = {
  name: 'count-paused-endpoints',
  text: `
    select count(*)::int as paused
    from "endpointHealth" h
    join subscriptions s on s.id = h."subscriptionId" and s."endpointVersion" = h."endpointVersion"
    where h."probeAt" is not null and s."isEnabled"`,
}

interface CountPausedEndpointsRow {
  paused: number
}

/** How many endpoints get only probes. */
export async function countPaused(database: Database): Promise<number> {
  const [row] = await database.query<CountPausedEndpointsRow>(countPausedEndpoints, [])
  return row?.paused ?? 0
}
