/**
 * Retry by hand: a FAILED or DEAD delivery becomes PENDING and due at once, with a new budget of attempts;
 * `attempts` and the logs go on counting. An attempt that is under way meanwhile counts as the first of the
 * new budget, so that asking for a retry never makes two requests at once.
 */
import { notFound, ServiceError } from '../errors.js'
import { sqlCounterDeltas } from '../model/counter-deltas.js'
import { sqlDeliverySnapshot } from '../model/delivery-snapshot.js'
import { sqlEventStatus, sqlStates, transitions } from '../model/delivery-states.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import type { Database } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { isUuid } from '../platform/uuid.js'
import { announceChanges, type ChangedRow, changesOfRows, sqlChangedRows } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { findDelivery } from './find.js'

const retrySql = (which: string) => `
  with asked as (
    -- A delivery of a deleted subscription can't be sent any more.
    select d.id, d."eventId", d.status from deliveries d
    join subscriptions s on s.id = d."subscriptionId" and s."deletedAt" is null
    where ${which} and d.status in (${sqlStates(transitions.retry.from)})
    order by d.id for update of d
  ), revived as (
    update events e
    set "deadCount" = e."deadCount" - dead.count,
        status = ${sqlEventStatus('e."deliveryCount"', 'e."sentCount"', '(e."deadCount" - dead.count)')},
        "updatedAt" = ${sqlNow}
    from (select "eventId", count(*)::int as count from asked where status = 'DEAD' group by "eventId") as dead
    where e.id = dead."eventId"
    returning ${sqlEventSnapshot('e')}
  ), renewed as (
    update deliveries d
    set status = 'PENDING', "nextRunAt" = ${sqlNow}, "budgetFrom" = d.attempts, "updatedAt" = ${sqlNow}
    from asked
    where d.id = asked.id
    returning ${sqlDeliverySnapshot('d')}
  ), deltas as (
    ${sqlCounterDeltas('select asked.status as before, renewed.status as after from asked join renewed using (id)')}
  )
  ${sqlChangedRows('renewed', 'revived')}`

const retryOne = { name: 'retry-delivery', text: retrySql('d.id = $1') }
const retryAll = { name: 'retry-event', text: retrySql('d."eventId" = $1') }

export interface RetryContext {
  database: Database
  serviceEvents: ServiceEvents
  /** Called after a commit that made deliveries due. */
  onDue(): void
}

/** @throws ServiceError NOT_FOUND, or CONFLICT when it is neither FAILED nor DEAD, or its subscription is deleted */
export async function retryDelivery(context: RetryContext, id: string): Promise<{ retried: 1 }> {
  await findDelivery(context.database, id)
  const retried = await retry(context, retryOne, id)
  if (retried === 0) {
    // Asked again: it may just have been answered, or removed.
    const { status, subscriptionId } = await findDelivery(context.database, id)
    if (await isDeleted(context.database, subscriptionId)) {
      throw new ServiceError(
        'CONFLICT',
        'The subscription of the delivery is deleted, so it can not be sent again.',
      )
    }
    throw new ServiceError(
      'CONFLICT',
      `The delivery is ${status}. Only a delivery that is FAILED or DEAD can be retried.`,
    )
  }
  return { retried: 1 }
}

/** Every FAILED or DEAD delivery of an event, but those of deleted subscriptions. @throws ServiceError NOT_FOUND */
export async function retryEvent(context: RetryContext, eventId: string): Promise<{ retried: number }> {
  const event = isUuid(eventId)
    ? await context.database.prisma.event.findUnique({ where: { id: eventId }, select: { id: true } })
    : null
  if (event === null) throw notFound('event', eventId)
  return { retried: await retry(context, retryAll, eventId) }
}

async function isDeleted({ prisma }: Database, subscriptionId: string): Promise<boolean> {
  const where = { id: subscriptionId, deletedAt: { not: null } }
  return (await prisma.subscription.count({ where })) > 0
}

async function retry(
  { database, serviceEvents, onDue }: RetryContext,
  statement: typeof retryOne,
  id: string,
) {
  const rows = await database.query<ChangedRow>(statement, [id])
  announceChanges(serviceEvents, changesOfRows(rows))
  const retried = rows.filter(({ kind }) => kind === 'delivery').length
  if (retried > 0) onDue()
  return retried
}
