/**
 * Cancel: a user gives up a waiting delivery. A delivery that is leased can't be cancelled until it waits again,
 * because a worker may be attempting it.
 */
import { ServiceError } from '../errors.js'
import { sqlCounterDeltas, sqlOpenStatus } from '../model/counter-deltas.js'
import { sqlDeliverySnapshot } from '../model/delivery-snapshot.js'
import { isOpen, openStates, sqlEventStatus, sqlIsOpen, sqlIsWaiting } from '../model/delivery-states.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import {
  deliveryDead,
  type ReportedRow,
  reportedRowKind,
  sqlReportParts,
} from '../model/operational-event.js'
import { sqlRowsOfKinds } from '../model/row-kinds.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import {
  announceChanges,
  announceReported,
  type ChangedRow,
  changedRowKinds,
  changesOfRows,
} from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import { findDelivery } from './find.js'

/**
 * A statement: `condition` on the waiting delivery `d`; `$1` the reason, for `lastError`.
 *
 * @param isReported whether operational events tell of it
 */
export const giveUpSql = (condition: string, isReported = true): string => `
  with given_up as (
    update deliveries d
    set status = 'DEAD', "nextRunAt" = null, "lastError" = $1, "updatedAt" = ${sqlNow}
    where ${condition} and ${sqlIsOpen('d')} and d."queuedUntil" is null
    returning ${sqlDeliverySnapshot('d')}, ${sqlOpenStatus('d.attempts', 'd."budgetFrom"')} as before
  ), deltas as (
    ${sqlCounterDeltas('select before, status as after from given_up')}
  ), ended as (
    select "eventId", count(*)::int as dead from given_up group by "eventId"
  ), locked as (
    select id from events where id in (select "eventId" from ended) order by id for no key update
  ), counted as (
    update events e
    set "deadCount" = e."deadCount" + ended.dead,
        status = ${sqlEventStatus('e."deliveryCount"', 'e."sentCount"', '(e."deadCount" + ended.dead)')},
        "updatedAt" = ${sqlNow}
    from ended join locked on locked.id = ended."eventId"
    where e.id = locked.id
    returning ${sqlEventSnapshot('e')}
  )${isReported ? `, ${sqlReportParts(deliveryDead('d', 'e.type', 'given_up d join counted e on e.id = d."eventId"'))}` : ''}
  ${sqlRowsOfKinds({
    ...changedRowKinds('given_up', "(select * from counted where status <> 'PROCESSING') as finished"),
    ...(isReported && { reported: reportedRowKind }),
  })}`

type GivenUpRow = ChangedRow | ReportedRow

/** `$2` the id. */
const cancelOne = forViewer({ name: 'cancel-delivery', parameters: 2 }, ({ isVisible }) =>
  giveUpSql(`d.id = $2 and ${isVisible('d')}`),
)

/** `$2` the limit. */
const giveUpOfDeleted: Statement = {
  name: 'give-up-deliveries-of-deleted-subscriptions',
  // Nobody can retry them, so none is reported. An array, which is looked up by the ids: a join could read the
  // deliveries from end to end.
  text: giveUpSql(
    `d.id = any (array(
    select waiting.id from subscriptions s
    cross join lateral (
      select w.id from deliveries w
      where w."subscriptionId" = s.id and ${sqlIsWaiting('w')}
      limit $2
    ) as waiting
    where s."deletedAt" is not null
    limit $2
  ))`,
    false,
  ),
}

export interface CancelContext {
  database: VisibleDatabase
  serviceEvents: ServiceEvents
  /** Called after a commit that may have made deliveries due: those that waited in line behind this one. */
  onDue(): void
}

/** @throws ServiceError NOT_FOUND, or CONFLICT when the delivery is not waiting */
export async function cancelDelivery(context: CancelContext, id: string): Promise<void> {
  const before = await findDelivery(context.database, id)
  const rows = await context.database.query<GivenUpRow>(cancelOne, ['cancelled by hand', id])
  if (announce(context, rows) > 0) return context.onDue()
  throw new ServiceError(
    'CONFLICT',
    isOpen(before.status)
      ? 'The delivery is being attempted at this moment. Try again when the attempt has ended.'
      : `The delivery is ${before.status}. Only one that is ${openStates.join(' or ')} can be cancelled.`,
  )
}

/** Gives up waiting deliveries of deleted subscriptions. @returns how many, `limit` at most */
export const giveUpDeletedDeliveries = (context: GiveUpContext, limit: number): Promise<number> =>
  giveUp(context, giveUpOfDeleted, 'its subscription was deleted', limit)

export interface GiveUpContext {
  database: Database
  serviceEvents: ServiceEvents
}

/**
 * @param values of the statement, behind the reason
 * @returns how many deliveries it has given up
 */
export async function giveUp(
  { database, serviceEvents }: GiveUpContext,
  statement: Statement,
  reason: string,
  ...values: unknown[]
): Promise<number> {
  return announce({ serviceEvents }, await database.query<GivenUpRow>(statement, [reason, ...values]))
}

/** @returns how many deliveries were given up */
function announce({ serviceEvents }: { serviceEvents: ServiceEvents }, rows: GivenUpRow[]): number {
  announceChanges(serviceEvents, changesOfRows(rows))
  announceReported(serviceEvents, rows)
  return rows.filter(({ kind }) => kind === 'delivery').length
}
