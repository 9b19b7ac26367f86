/**
 * Limits on what each tenant may publish, so that none fills the service at the cost of the others:
 *
 * - Events a second, over all processes: a row of `tenantRates` for each tenant, which those that publish lock in the
 *   order of tenants. What one second allows can be saved, so a batch of as many is taken whole.
 * - Waiting deliveries, to the tenant's own subscriptions. Each process counts them once a second for the tenants that
 *   publish to it, and no further than the limit.
 */
import { ServiceError } from '../errors.js'
import { sqlCredit, sqlSpentUntil } from '../model/rate-limit.js'
import type { Clock } from '../platform/clock.js'
import type { Database, Statement } from '../platform/postgres/database.js'

export interface TenantLimitSettings {
  /** Of each tenant; no limit where it is undefined. */
  maxEventsPerSecond: number | undefined
  maxWaitingDeliveries: number | undefined
}

export interface TenantLimits {
  /** @returns for each event, by its tenant, why it is refused; undefined where it is taken */
  refuse(tenants: readonly (string | null)[]): Promise<(ServiceError | undefined)[]>
}

export function createTenantLimits(
  database: Database,
  clock: Clock,
  { maxEventsPerSecond, maxWaitingDeliveries }: TenantLimitSettings,
): TenantLimits {
  const counts = createCounts(database, clock, maxWaitingDeliveries ?? 0)

  async function refuse(tenants: readonly (string | null)[]): Promise<(ServiceError | undefined)[]> {
    const full = maxWaitingDeliveries === undefined ? new Set() : await counts.findFull(unique(tenants))
    const asked = countOf(tenants.filter((tenant) => !full.has(tenant)))
    const taken =
      maxEventsPerSecond === undefined ? asked : await takeEvents(database, asked, maxEventsPerSecond)
    return tenants.map((tenant) => {
      if (tenant === null) return undefined
      if (full.has(tenant)) return tooManyWaiting(tenant, maxWaitingDeliveries as number)
      const left = taken.get(tenant) ?? 0
      if (left === 0) return tooManyEvents(tenant, maxEventsPerSecond as number)
      taken.set(tenant, left - 1)
      return undefined
    })
  }

  return { refuse }
}

const unique = (tenants: readonly (string | null)[]): string[] => [...countOf(tenants).keys()]

function countOf(tenants: readonly (string | null)[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const tenant of tenants) if (tenant !== null) counts.set(tenant, (counts.get(tenant) ?? 0) + 1)
  return counts
}

const SAVED_SECONDS = 1
const rate = '$3::float8'
const taken = (asked: string, credit: string) => `least(${asked}, floor(${credit}))::int`
const takenOfSaved = taken('asked.count', `greatest(${SAVED_SECONDS} * ${rate}, 1)`)
const takenOfCredit = taken('excluded.asked', `greatest(${sqlCredit(rate, SAVED_SECONDS)}, 0)`)

/** `$1` tenants, `$2` how many events of each are asked for, `$3` events a second. */
const takeEventsOfTenants: Statement = {
  name: 'take-events-of-tenants',
  text: `
    insert into "tenantRates" as l (tenant, "spentUntil", asked, taken)
    select tenant, interval '1 second' * (${takenOfSaved} / ${rate} - ${SAVED_SECONDS}) + now(), count, ${takenOfSaved}
    from unnest($1::text[], $2::int[]) as asked (tenant, count) order by tenant
    on conflict (tenant) do update
    set asked = excluded.asked, taken = ${takenOfCredit},
        "spentUntil" = ${sqlSpentUntil(rate, SAVED_SECONDS)} + ${takenOfCredit} / ${rate} * interval '1 second'
    returning tenant, taken`,
}

interface TakeEventsRow {
  tenant: string
  taken: number
}

/** @returns how many events of each tenant are taken */
async function takeEvents(
  database: Database,
  asked: Map<string, number>,
  eventsPerSecond: number,
): Promise<Map<string, number>> {
  if (asked.size === 0) return asked
  const values = [[...asked.keys()], [...asked.values()], eventsPerSecond]
  const rows = await database.query<TakeEventsRow>(takeEventsOfTenants, values)
  return new Map(rows.map((row) => [row.tenant, row.taken]))
}

/** `$1` tenants, `$2` the number to which the deliveries of each are counted. */
const countWaitingOfTenants: Statement = {
  name: 'count-waiting-of-tenants',
  text: `
    select asked.tenant, (
      select count(*) from (
        -- The order makes PostgreSQL read the index of a tenant's states, and no more of it than is counted.
        (select from deliveries d where d.tenant = asked.tenant and d.status = 'PENDING' order by d.id limit $2)
        union all
        (select from deliveries d where d.tenant = asked.tenant and d.status = 'FAILED' order by d.id limit $2)
      ) as waiting
    )::int as count
    from unnest($1::text[]) as asked (tenant)`,
}

interface CountWaitingRow {
  tenant: string
  count: number
}

const COUNTED_EVERY_MS = 1000
/** Beyond as many tenants, what is known of all is forgotten. */
const MAX_TENANTS = 10_000

function createCounts(database: Database, clock: Clock, most: number) {
  const known = new Map<string, { isFull: boolean; at: number }>()

  async function count(tenants: string[], at: number): Promise<void> {
    if (tenants.length === 0) return
    const rows = await database.query<CountWaitingRow>(countWaitingOfTenants, [tenants, most])
    if (known.size + rows.length > MAX_TENANTS) known.clear()
    for (const row of rows) known.set(row.tenant, { isFull: row.count >= most, at })
  }

  return {
    /** Those with as many waiting deliveries as are allowed. */
    async findFull(tenants: string[]): Promise<Set<string | null>> {
      const now = clock.now().getTime()
      const isOld = (at = 0) => Math.abs(now - at) >= COUNTED_EVERY_MS
      await count(
        tenants.filter((tenant) => isOld(known.get(tenant)?.at)),
        now,
      )
      return new Set(tenants.filter((tenant) => known.get(tenant)?.isFull))
    },
  }
}

const refusal = (message: string): ServiceError =>
  new ServiceError('TOO_MANY_REQUESTS', `${message} This one was not stored: try again later.`, {
    retryAfterSeconds: 1,
  })

const tooManyEvents = (tenant: string, most: number): ServiceError =>
  refusal(`The tenant ${tenant} publishes more than the ${most} events a second that each tenant may.`)

const tooManyWaiting = (tenant: string, most: number): ServiceError =>
  refusal(
    `${most} deliveries of the tenant ${tenant} wait already, which is the most that each tenant may have.`,
  )
