/** Creates a replay, a retry or a discard, or only counts what it would make. */
import { notFound, ServiceError } from '../errors.js'
import type { ReplayKind } from '../generated/prisma/enums.js'
import {
  MAX_FINISHED_REPLAYS,
  MAX_OPEN_REPLAYS,
  type ReplaySnapshot,
  sqlReplaySnapshot,
} from '../model/replay.js'
import { NIL_UUID } from '../platform/uuid.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { tenantFor } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import { announceReplay } from './announce.js'
import { countCandidates } from './find-candidates.js'
import { filterDefaults, type ReplayInput } from './input.js'
import type { ReplayTask } from './page.js'

/** `$1` the id, `$2` the filter, `$3` the subscription, `$4` the rate, `$5` the total, `$6` the kind. */
const createStatement = forViewer({ name: 'create-replay', parameters: 6 }, ({ tenant }) => {
  const isOwn = `(tenant = ${tenant} or (tenant is null and ${tenant} is null))`
  return `
    with open as (
      select count(*) as count from replays where ${isOwn} and state in ('RUNNING', 'PAUSED')
    ), removed as (
      delete from replays where id = any (array(
        select id from replays where ${isOwn} and state in ('FINISHED', 'CANCELLED')
        order by id desc offset ${MAX_FINISHED_REPLAYS} limit 100
      ))
    )
    insert into replays as r (id, tenant, kind, filter, "missedBy", "ratePerSecond", total)
    select $1::uuid, ${tenant}, $6::"ReplayKind", $2::json, $3::uuid, $4::int, $5::int
    from open where open.count < ${MAX_OPEN_REPLAYS}
    returning ${sqlReplaySnapshot('r')}`
})

export interface ReplayContext {
  database: VisibleDatabase
  serviceEvents: ServiceEvents
  newId(): string
  /** Called after a commit that gives workers a replay to work on. */
  onReplay(): void
}

/** A dry run has no replay. The total is null where counting took too long. */
export type CreatedReplay = { replay: null; total: number } | { replay: ReplaySnapshot; total: number | null }

/**
 * @throws ServiceError NOT_FOUND without the subscription of `missedBy`, FORBIDDEN for another tenant, CONFLICT when
 * too many are open, or a dry run takes too long
 */
export async function createReplay(
  context: ReplayContext,
  input: ReplayInput,
  kind: ReplayKind = 'REPLAY',
): Promise<CreatedReplay> {
  const { database, serviceEvents, newId, onReplay } = context
  tenantFor(database, input.filter?.tenant)
  await checkSubscription(database, input.missedBy)
  // As JSON, in which what was not given is absent.
  const given = input.filter && JSON.parse(JSON.stringify(input.filter))
  const filter = given === undefined ? null : { ...filterDefaults[kind], ...given }
  const task: ReplayTask = { id: newId(), kind, filter, missedBy: input.missedBy ?? null }
  const total = await count(database, task)
  if (input.dryRun) {
    if (total === null) throw tooLong()
    return { replay: null, total }
  }
  const stored = filter === null ? null : JSON.stringify(filter)
  const values = [task.id, stored, task.missedBy, input.ratePerSecond ?? null, total, kind]
  const [replay] = await database.query<ReplaySnapshot>(createStatement, values)
  if (replay === undefined) throw tooMany()
  announceReplay(serviceEvents, replay)
  onReplay()
  return { replay, total }
}

async function checkSubscription({ prisma }: VisibleDatabase, id: string | undefined): Promise<void> {
  if (id === undefined) return
  const found = await prisma.subscription.count({ where: { id, deletedAt: null } })
  if (found === 0) throw notFound('subscription', id)
}

const COUNTED_AT_ONCE = 5000
/** A request does not wait longer. */
const MAX_COUNT_MS = 20_000

/** @returns null when it takes too long */
async function count(database: VisibleDatabase, task: ReplayTask): Promise<number | null> {
  const endsAt = performance.now() + MAX_COUNT_MS
  let total = 0
  let after: string | undefined = NIL_UUID
  while (after !== undefined) {
    if (performance.now() > endsAt) return null
    const page = await countCandidates(database, { task, after, limit: COUNTED_AT_ONCE })
    total += page.fitting
    after = page.last
  }
  return total
}

const tooLong = () =>
  new ServiceError(
    'CONFLICT',
    `Counting took longer than ${MAX_COUNT_MS / 1000} s. Narrow the filter by a subscription, a status or a time range.`,
  )

const tooMany = () =>
  new ServiceError(
    'CONFLICT',
    `${MAX_OPEN_REPLAYS} replays are RUNNING or PAUSED, and no more are allowed. Cancel one, or wait until one is FINISHED.`,
  )
