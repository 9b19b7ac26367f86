import type { Database } from '../platform/database.js'

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

const countEverything = {
  name: 'count-everything',
  text: `
    select
      (select count(*) from events) as "eventsTotal",
      d.total as "deliveriesTotal", d.pending as "deliveriesPending", d.sent as "deliveriesSent",
      d.failed as "deliveriesFailed", d.dead as "deliveriesDead",
      s.total as "subscriptionsTotal", s.enabled as "subscriptionsEnabled"
    from
      (select count(*) as total,
              count(*) filter (where status = 'PENDING') as pending,
              count(*) filter (where status = 'SENT') as sent,
              count(*) filter (where status = 'FAILED') as failed,
              count(*) filter (where status = 'DEAD') as dead
       from deliveries) as d,
      (select count(*) as total, count(*) filter (where "isEnabled") as enabled from subscriptions
       where "deletedAt" is null) as s`,
}

export async function countStats(database: Database): Promise<Stats> {
  const [row = {}] = await database.query<Record<string, string>>(countEverything, [])
  // PostgreSQL counts in 64 bits, which arrive as text.
  return Object.fromEntries(
    Object.entries(row).map(([name, count]) => [name, Number(count)]),
  ) as unknown as Stats
}
