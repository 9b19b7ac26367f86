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
  counters: Counters
  /** By the database's clock. */
  at: Date
}

/** PostgreSQL sums in more than 53 bits, which arrive as text. */
type SumCountersRow = Record<keyof Stats | keyof Counters, string> & { at: Date }

const sumCounters: Statement = {
  name: 'sum-counters',
  text: `
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
       where "deletedAt" is null) as s`,
}

export async function readStats(database: Database): Promise<StatsReading> {
  const [row] = await database.query<SumCountersRow>(sumCounters, [])
  if (row === undefined) throw new Error('Sums without a row')
  const { at, acceptedEvents, sentAttempts, failedAttempts, deadAttempts, ...stats } = row
  return {
    at,
    stats: toNumbers(stats),
    counters: toNumbers({ acceptedEvents, sentAttempts, failedAttempts, deadAttempts }),
  }
}

export const countStats = async (database: Database): Promise<Stats> => (await readStats(database)).stats

const toNumbers = <Name extends string>(texts: Record<Name, string>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)])) as Record<
    Name,
    number
  >
