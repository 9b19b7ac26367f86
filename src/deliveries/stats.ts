import type { Database, Statement } from '../platform/postgres/database.js'

export interface Stats {
  eventsTotal: number
  deliveriesTotal: number
  deliveriesPending: number
  deliveriesSent: number
  deliveriesFailed: number
  deliveriesDead: number
  subscriptionsTotal: number
  subscriptionsEnabled: number
}

/** PostgreSQL sums in more than 53 bits, which arrive as text. */
type SumCountersRow = Record<keyof Stats, string>

const sumCounters: Statement = {
  name: 'sum-counters',
  text: `
    select
      t.events as "eventsTotal", t.pending + t.sent + t.failed + t.dead as "deliveriesTotal",
      t.pending as "deliveriesPending", t.sent as "deliveriesSent",
      t.failed as "deliveriesFailed", t.dead as "deliveriesDead",
      s.total as "subscriptionsTotal", s.enabled as "subscriptionsEnabled"
    from
      (select coalesce(sum(events), 0) as events, coalesce(sum(pending), 0) as pending,
              coalesce(sum(sent), 0) as sent, coalesce(sum(failed), 0) as failed, coalesce(sum(dead), 0) as dead
       from tallies) as t,
      (select count(*) as total, count(*) filter (where "isEnabled") as enabled from subscriptions
       where "deletedAt" is null) as s`,
}

export async function countStats(database: Database): Promise<Stats> {
  const [row = {}] = await database.query<SumCountersRow>(sumCounters, [])
  return Object.fromEntries(
    Object.entries(row).map(([name, count]) => [name, Number(count)]),
  ) as unknown as Stats
}
