/**
 * Dead letters in groups: how many there are of each subscription and error, and since when. An index holds dead
 * letters only, by subscription and error, in the order of their deaths. It skips from one pair of these to the next,
 * so the pairs, and the first and the last of each, cost the same however many there are. Only counting reads them one
 * by one, and that has a bound.
 */
import { sqlIsDeadLetter } from '../model/delivery-states.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { visibleFilter } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

export const deadLetterGroupings = ['SUBSCRIPTION', 'ERROR'] as const
export type DeadLetterGrouping = (typeof deadLetterGroupings)[number]

export interface DeadLetterGroupsRequest {
  /** Without any, all dead letters are one group. */
  by: readonly DeadLetterGrouping[]
  subscriptionId?: string | undefined
  tenant?: string | undefined
}

export interface DeadLetterGroup {
  /** Null unless grouped by it; the same for the error. */
  subscriptionId: string | null
  lastError: string | null
  count: number
  /** Whether there are no more than `count`. */
  isCountExact: boolean
  /** When the first and the last of them became DEAD. */
  firstAt: Date
  lastAt: Date
  lastDeliveryId: string
}

/** The most groups of one answer. */
export const MAX_DEAD_LETTER_GROUPS = 200
/** Pairs of a subscription and an error that are looked at. With more, no count is exact. */
const MAX_DEAD_LETTER_PAIRS = 2000
/** Dead letters that are counted for one answer: each pair has the same share of them. */
const MAX_COUNTED_DEAD_LETTERS = 500_000

const inOrder = (direction: '' | 'desc') =>
  `order by d."subscriptionId" ${direction}, d."lastError" ${direction}, d."updatedAt" ${direction}, d.id ${direction}`
const ofPair = `${sqlIsDeadLetter('d')} and d."subscriptionId" = pair."subscriptionId" and d."lastError" = pair."lastError"`

/** `$1` the subscription or null, `$2` the tenant or null, `$3` how many pairs, `$4` how many are counted of all. */
const findPairs = forViewer(
  { name: 'find-dead-letter-pairs', parameters: 4 },
  ({ isVisible, tenant }) => `
    with recursive every as (
      (select d."subscriptionId" as id from deliveries d
       where ${sqlIsDeadLetter('d')} and coalesce($1::text, $2::text, ${tenant}) is null ${inOrder('')} limit 1)
      union all
      select next.id from every cross join lateral (
        select d."subscriptionId" as id from deliveries d
        where ${sqlIsDeadLetter('d')} and d."subscriptionId" > every.id ${inOrder('')} limit 1
      ) as next
    ), wanted as (
      select id from every
      union all
      select s.id from subscriptions s where s.id = $1::uuid and ($2 is null or s.tenant = $2) and ${isVisible('s')}
      union all
      select s.id from subscriptions s where $1::uuid is null and s.tenant = $2 and ${isVisible('s')}
    ), pair as materialized (
      select wanted.id as "subscriptionId", failure.error as "lastError" from wanted cross join lateral (
        with recursive failure as (
          select '' as error
          union all
          select next.error from failure cross join lateral (
            -- As a row, by which the index is entered behind the error that was found last.
            select d."lastError" as error, d."subscriptionId" as id from deliveries d
            where ${sqlIsDeadLetter('d')} and (d."subscriptionId", d."lastError") > (wanted.id, failure.error)
            ${inOrder('')} limit 1
          ) as next
          where next.id = wanted.id
        )
        select error from failure where error <> ''
      ) as failure
      limit $3::int
    )
    select pair.*, counted.count, first.at as "firstAt", last.at as "lastAt", last.id as "lastDeliveryId",
           (select $4::int / count(*) from pair)::int as "mostCounted"
    from pair
    cross join lateral (
      select count(*)::int as count from (
        select from deliveries d where ${ofPair} limit (select $4::int / count(*) + 1 from pair)
      ) as letters
    ) as counted
    cross join lateral (
      select d."updatedAt" as at from deliveries d where ${ofPair} ${inOrder('')} limit 1
    ) as first
    cross join lateral (
      select d."updatedAt" as at, d.id from deliveries d where ${ofPair} ${inOrder('desc')} limit 1
    ) as last`,
)

interface FindPairsRow {
  subscriptionId: string
  lastError: string
  /** One more than `mostCounted` where there are more. */
  count: number
  mostCounted: number
  firstAt: Date
  lastAt: Date
  lastDeliveryId: string
}

/** The largest groups, the largest first. */
export async function findDeadLetterGroups(
  database: VisibleDatabase,
  { by, ...given }: DeadLetterGroupsRequest,
): Promise<DeadLetterGroup[]> {
  const filter = visibleFilter(database, given)
  if (filter === undefined || !isPostgresText(filter.tenant ?? '')) return []
  const values = [given.subscriptionId ?? null, filter.tenant ?? null, MAX_DEAD_LETTER_PAIRS + 1]
  const pairs = await database.query<FindPairsRow>(findPairs, [...values, MAX_COUNTED_DEAD_LETTERS])
  const areAll = pairs.length <= MAX_DEAD_LETTER_PAIRS
  const groups = new Map<string, DeadLetterGroup>()
  for (const pair of pairs.slice(0, MAX_DEAD_LETTER_PAIRS)) {
    const group = groupOf(pair, by, areAll)
    const key = JSON.stringify([group.subscriptionId, group.lastError])
    groups.set(key, add(groups.get(key), group))
  }
  return [...groups.values()].toSorted(byCount).slice(0, MAX_DEAD_LETTER_GROUPS)
}

function groupOf(pair: FindPairsRow, by: readonly DeadLetterGrouping[], areAll: boolean): DeadLetterGroup {
  const { mostCounted, count, subscriptionId, lastError, ...times } = pair
  return {
    subscriptionId: by.includes('SUBSCRIPTION') ? subscriptionId : null,
    lastError: by.includes('ERROR') ? lastError : null,
    count: Math.min(count, mostCounted),
    isCountExact: areAll && count <= mostCounted,
    ...times,
  }
}

function add(a: DeadLetterGroup | undefined, b: DeadLetterGroup): DeadLetterGroup {
  if (a === undefined) return b
  const { firstAt } = a.firstAt < b.firstAt ? a : b
  const { lastAt, lastDeliveryId } = a.lastAt > b.lastAt ? a : b
  return {
    ...a,
    count: a.count + b.count,
    isCountExact: a.isCountExact && b.isCountExact,
    ...{ firstAt, lastAt, lastDeliveryId },
  }
}

const byCount = (a: DeadLetterGroup, b: DeadLetterGroup): number =>
  b.count - a.count || b.lastAt.getTime() - a.lastAt.getTime()
