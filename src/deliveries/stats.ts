import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

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

/** Counters that never fall. A rate is the difference of two readings. */
interface Counters {
  acceptedEvents: number
  /** Attempts, by what they made of their delivery. */
  sentAttempts: number
  failedAttempts: number
  deadAttempts: number
}

export interface StatsReading {
  stats: Stats
  /** Null for a viewer of one tenant: only those of all tenants are kept. */
  counters: Counters | null
  /** By the database's clock. */
  at: Date
}

/** PostgreSQL sums in more than 53 bits, which arrive as text. */
type SumCountersRow = Record<keyof Stats | keyof Counters, string> & { at: Date }

/** For a viewer of everything. */
const sumCounters = forViewer(
  { name: 'sum-counters', parameters: 0 },
  ({ tenant }) => `
    select
      t.events as "eventsTotal", t.pending + t.sent + t.failed + t.dead as "deliveriesTotal",
      t.pending as "deliveriesPending", t.sent as "deliveriesSent",
      t.failed as "deliveriesFailed", t.dead as "deliveriesDead",
      s.total as "subscriptionsTotal", s.enabled as "subscriptionsEnabled",
      t."acceptedEvents", t."sentAttempts", t."failedAttempts", t."deadAttempts",
      statement_timestamp() as at
    from
      (select coalesce(sum(events), 0) as events, coalesce(sum(pending), 0) as pending,
              coalesce(sum(sent), 0) as sent, coalesce(sum(failed), 0) as failed, coalesce(sum(dead), 0) as dead,
              coalesce(sum(accepted), 0) as "acceptedEvents", coalesce(sum("sentAttempts"), 0) as "sentAttempts",
              coalesce(sum("failedAttempts"), 0) as "failedAttempts",
              coalesce(sum("deadAttempts"), 0) as "deadAttempts"
       from tallies) as t,
      (select count(*) as total, count(*) filter (where "isEnabled") as enabled from subscriptions
       where "deletedAt" is null) as s
    where ${tenant} is null`,
)

/** For a viewer of one tenant: its rows are counted, which takes longer the more it has. */
const countRows = forViewer(
  { name: 'count-rows-of-tenant', parameters: 0 },
  ({ tenant }) => `
    select e.total as "eventsTotal", d.*, s.*, statement_timestamp() as at
    from
      (select count(*) as total from events where tenant = ${tenant}) as e,
      (select count(*) as "deliveriesTotal",
              count(*) filter (where status = 'PENDING') as "deliveriesPending",
              count(*) filter (where status = 'SENT') as "deliveriesSent",
              count(*) filter (where status = 'FAILED') as "deliveriesFailed",
              count(*) filter (where status = 'DEAD') as "deliveriesDead"
       from deliveries where tenant = ${tenant}) as d,
      (select count(*) as "subscriptionsTotal", count(*) filter (where "isEnabled") as "subscriptionsEnabled"
       from subscriptions where tenant = ${tenant} and "deletedAt" is null) as s`,
)

type CountRowsRow = Record<keyof Stats, string> & { at: Date }

export async function readStats(database: VisibleDatabase): Promise<StatsReading> {
  if (database.tenant !== null) {
    const [row] = await database.query<CountRowsRow>(countRows, [])
    const { at, ...stats } = row as CountRowsRow
    return { at, stats: toNumbers(stats), counters: null }
  }
  const [row] = await database.query<SumCountersRow>(sumCounters, [])
  if (row === undefined) throw new Error('Sums without a row')
  const { at, acceptedEvents, sentAttempts, failedAttempts, deadAttempts, ...stats } = row
  return {
    at,
    stats: toNumbers(stats),
    counters: toNumbers({ acceptedEvents, sentAttempts, failedAttempts, deadAttempts }),
  }
}

export const countStats = async (database: VisibleDatabase): Promise<Stats> =>
  (await readStats(database)).stats

const toNumbers = <Name extends string>(texts: Record<Name, string>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)])) as Record<
    Name,
    number
  >
