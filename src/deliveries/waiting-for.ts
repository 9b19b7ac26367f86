/**
 * What an open delivery waits for, so that nobody has to guess why it is not sent. It is found when it is asked for.
 */
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import { sqlJoinBreaker } from '../model/breaker.js'
import { isOpen, sqlIsOpen } from '../model/delivery-states.js'
import { sqlRoom } from '../model/lease-room.js'
import { sqlHasPredecessor, sqlHasWaitingPredecessor, sqlIsInLine } from '../model/ordering.js'
import { sqlCredit } from '../model/rate-limit.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

export const waitingReasons = ['BREAKER', 'DISABLED', 'RATE_LIMIT', 'ORDER', 'SCHEDULE'] as const
export type WaitingFor = (typeof waitingReasons)[number]

/**
 * `$1` delivery ids. The first reason that applies. A delivery that is leased is on its way, and waits for nothing but
 * that its subscription is enabled.
 */
const readWaitingFor = forViewer(
  { name: 'read-waiting-for', parameters: 1 },
  ({ isVisible }) => `
    select d.id, case
      when not s."isEnabled" then 'DISABLED'
      when d."queuedUntil" is not null then null
      when d."nextRunAt" > now() then 'SCHEDULE'
      when s."isOrdered" and ${sqlIsInLine('d')}
        and (${sqlHasPredecessor('d')} or ${sqlHasWaitingPredecessor('d')}) then 'ORDER'
      when breaker."probeAt" is not null then 'BREAKER'
      when breaker.pace is not null and ${sqlRoom('s.id', 'breaker.pace')} = 0 then 'BREAKER'
      when s.rate is not null and (
        select ${sqlCredit('s.rate')} from "rateLimits" l where l."subscriptionId" = d."subscriptionId"
      ) < 1 then 'RATE_LIMIT'
      when s."maxInFlight" is not null and ${sqlRoom('d."subscriptionId"', 's."maxInFlight"')} = 0 then 'RATE_LIMIT'
    end as "waitingFor"
    from unnest($1::uuid[]) as asked (id)
    -- The limits make PostgreSQL look up each row by its id.
    cross join lateral (select * from deliveries where id = asked.id limit 1) as d
    cross join lateral (
      select id, "endpointVersion", "isEnabled", "isOrdered", "maxInFlight", "maxRequestsPerSecond"::float8 as rate
      from subscriptions where id = d."subscriptionId" limit 1
    ) as s
    ${sqlJoinBreaker('s')}
    where ${sqlIsOpen('d')} and ${isVisible('d')}`,
)

interface ReadWaitingForRow {
  id: string
  waitingFor: WaitingFor | null
}

/** @returns by id; the deliveries that wait for something, and others without an entry */
export async function findWaitingFor(
  database: VisibleDatabase,
  deliveries: readonly { id: string; status: DeliveryStatus }[],
): Promise<Map<string, WaitingFor>> {
  const ids = deliveries.filter(({ status }) => isOpen(status)).map(({ id }) => id)
  if (ids.length === 0) return new Map()
  const rows = await database.query<ReadWaitingForRow>(readWaitingFor, [ids])
  return new Map(rows.flatMap(({ id, waitingFor }) => (waitingFor === null ? [] : [[id, waitingFor]])))
}

/** Deliveries as they are shown, with what they wait for. */
export async function withWaitingFor<Row extends { id: string; status: DeliveryStatus }>(
  database: VisibleDatabase,
  rows: Row[],
): Promise<(Row & { waitingFor: WaitingFor | null })[]> {
  const waitingFor = await findWaitingFor(database, rows)
  return rows.map((row) => ({ ...row, waitingFor: waitingFor.get(row.id) ?? null }))
}
