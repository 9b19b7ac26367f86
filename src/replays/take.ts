/** Which replay a process works on next. Taking one puts its next step off, so that no other process takes it. */
import { sqlJoinBreaker } from '../model/breaker.js'
import { sqlIsWaiting } from '../model/delivery-states.js'
import type { ReplaySnapshot } from '../model/replay.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'

/** A process that dies delays its replay by this much. */
const TAKEN_SECONDS = 10
/** How soon a step is tried again that was put off. */
const PUT_OFF_MS = 500
/** With so many deliveries of a subscription waiting for their first attempt, a replay adds none. */
const MAX_WAITING = 500

export interface TakenReplay
  extends Pick<ReplaySnapshot, 'id' | 'tenant' | 'kind' | 'filter' | 'missedBy' | 'ratePerSecond'> {
  cursor: string
  /** As PostgreSQL writes it. */
  takenAt: string
}

const takeReplay: Statement = {
  name: 'take-replay',
  text: `
    update replays set "nextStepAt" = ${sqlNow} + interval '${TAKEN_SECONDS} seconds'
    where id = (
      select id from replays where state = 'RUNNING' and "nextStepAt" <= now()
      order by "nextStepAt" limit 1 for update skip locked
    )
    returning id, tenant, kind, filter, "missedBy", "ratePerSecond", cursor, (${sqlNow})::text as "takenAt"`,
}

/** The replay whose step is due for the longest time. */
export async function takeNext(database: Database): Promise<TakenReplay | undefined> {
  const [taken] = await database.query<TakenReplay>(takeReplay, [])
  return taken
}

/** `$1` the replay, `$2` for how many ms. */
const putOffReplay: Statement = {
  name: 'put-off-replay',
  text: `
    update replays set "nextStepAt" = ${sqlNow} + $2 * interval '1 ms' where id = $1 and state = 'RUNNING'`,
}

/** @returns ms until it is tried again */
export async function putOff(database: Database, { id }: Pick<TakenReplay, 'id'>): Promise<number> {
  await database.query(putOffReplay, [id, PUT_OFF_MS])
  return PUT_OFF_MS
}

/** `$1` subscriptions, `$2` the bound. What waits for an endpoint that is disabled or paused waits for no room. */
const findBusySubscription: Statement = {
  name: 'find-busy-subscription',
  text: `
    select s.id from unnest($1::uuid[]) as asked (id)
    cross join lateral (
      select id, "isEnabled", "endpointVersion" from subscriptions where id = asked.id limit 1
    ) as s
    ${sqlJoinBreaker('s')}
    where s."isEnabled" and breaker."probeAt" is null and $2 = (
      select count(*) from (
        select from deliveries d
        where d."subscriptionId" = s.id and ${sqlIsWaiting('d')} and d.status = 'PENDING' limit $2
      ) as waiting
    )
    limit 1`,
}

interface FindBusySubscriptionRow {
  id: string
}

/** Whether one of these has so much to do that a replay must wait. */
export async function areBusy(database: Database, subscriptionIds: Iterable<string>): Promise<boolean> {
  const values = [[...new Set(subscriptionIds)], MAX_WAITING]
  return (await database.query<FindBusySubscriptionRow>(findBusySubscription, values)).length > 0
}
