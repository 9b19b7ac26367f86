/**
 * Retry by a user: a FAILED or DEAD delivery becomes PENDING and due at once, with a new budget of attempts; `attempts`
 * and the logs go on counting. An attempt that is in flight meanwhile counts as the first of the new budget, so a retry
 * never makes two requests at once.
 */
import { notFound, ServiceError } from '../errors.js'
import { sqlStates, transitions } from '../model/delivery-states.js'
import { sqlRowsOfKinds } from '../model/row-kinds.js'
import { MAX_LIMIT } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import { announceChanges, type ChangedRow, changedRowKinds, changesOfRows } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer, type VisibleStatement } from '../tenants/visible-statement.js'
import { findDelivery } from './find.js'
import { sqlReopen } from './reopen.js'

/** Why a retry does not send a delivery now. */
export const retryReasons = [
  'SUBSCRIPTION_DELETED',
  'TEST_EVENT',
  'EXPIRED',
  'ERASED',
  'SUBSCRIPTION_DISABLED',
  'ALREADY_PENDING',
  'ALREADY_SENT',
] as const
type RetryReason = (typeof retryReasons)[number]

/** What a retry made of one delivery. */
export interface RetryResult {
  deliveryId: string
  subscriptionId: string
  isRetried: boolean
  /** Null when the delivery is sent now. One of a disabled subscription is retried, and sent once that is enabled. */
  reason: RetryReason | null
}

export interface RetriedEvent {
  retried: number
  /**
   * At most `MAX_RETRY_RESULTS`, those of a deleted or disabled subscription, a test, an expired or an erased event
   * first, then the others that are retried.
   */
  deliveries: RetryResult[]
  /** Whether the event has more deliveries than these. */
  isTruncated: boolean
}

export const MAX_RETRY_RESULTS = MAX_LIMIT

const sqlReasonsInOrder = `
  array['SUBSCRIPTION_DELETED', 'TEST_EVENT', 'EXPIRED', 'ERASED', 'SUBSCRIPTION_DISABLED', null, 'ALREADY_PENDING', 'ALREADY_SENT']`

/** `$1` the id that `condition` on the delivery `d` is about. */
const retrySql = (condition: string): string => `
  with unsent as (
    -- Locked, so that each status is the present one. One that is SENT is none of a retry's.
    select d.id, d."eventId", d.status, d."orderingHash", d."orderingSequence", s."isEnabled",
           s."deletedAt" is not null as "isDeleted", e."isTest", e."expiresAt",
           coalesce(e."expiresAt" <= now(), false) as "isExpired"
    from deliveries d join subscriptions s on s.id = d."subscriptionId" join events e on e.id = d."eventId"
    where ${condition} and d.status <> 'SENT'
    order by d.id for update of d
  ), present as materialized (
    -- Read anew, behind the locks: an erasure may have held them.
    select e.id, e."erasedAt" is not null as "isErased" from events e
    where e.id in (select "eventId" from unsent) order by e.id for no key update
  ), retryable as (
    select unsent.* from unsent join present on present.id = unsent."eventId" and not present."isErased"
    where status in (${sqlStates(transitions.retry.from)}) and not "isDeleted" and not "isTest" and not "isExpired"
  ), ${sqlReopen('retryable')}, results as (
    select d.id as "deliveryId", d."subscriptionId", retryable.id is not null as "isRetried",
           case when unsent.id is null then 'ALREADY_SENT'
                when unsent."isDeleted" then 'SUBSCRIPTION_DELETED'
                when unsent."isTest" then 'TEST_EVENT'
                when unsent."isExpired" then 'EXPIRED'
                when present."isErased" then 'ERASED'
                when retryable.id is null then 'ALREADY_PENDING'
                when not unsent."isEnabled" then 'SUBSCRIPTION_DISABLED' end as reason
    from deliveries d left join unsent using (id) left join retryable using (id)
    left join present on present.id = unsent."eventId"
    where ${condition}
  )
  ${sqlRowsOfKinds({
    ...changedRowKinds('retried', 'reopened'),
    result: {
      columns: { deliveryId: 'uuid', subscriptionId: 'uuid', isRetried: 'bool', reason: 'text' },
      from: `(
        select * from results order by array_position(${sqlReasonsInOrder}, reason), "deliveryId"
        limit ${MAX_RETRY_RESULTS + 1}
      ) as result`,
    },
  })}`

const retryOne = forViewer({ name: 'retry-delivery', parameters: 1 }, ({ isVisible }) =>
  retrySql(`d.id = $1 and ${isVisible('d')}`),
)
const retryAll = forViewer({ name: 'retry-event', parameters: 1 }, ({ isVisible }) =>
  retrySql(`d."eventId" = $1 and ${isVisible('d')}`),
)

type RetryRow = ChangedRow | ({ kind: 'result' } & RetryResult)

export interface RetryContext {
  database: VisibleDatabase
  serviceEvents: ServiceEvents
  /** Called after a commit that made deliveries due. */
  onDue(): void
}

/**
 * @throws ServiceError NOT_FOUND, or CONFLICT when it is neither FAILED nor DEAD, is of a test event, its event has
 * expired or was erased, or its subscription is deleted
 */
export async function retryDelivery(context: RetryContext, id: string): Promise<{ retried: 1 }> {
  const { results } = isUuid(id) ? await retry(context, retryOne, id) : { results: [] }
  const [result] = results
  if (result === undefined) throw notFound('delivery', id)
  if (!result.isRetried) {
    // Retention may have removed it while the statement waited for its lock.
    await findDelivery(context.database, id)
    throw new ServiceError('CONFLICT', refusal(result))
  }
  return { retried: 1 }
}

function refusal({ reason }: RetryResult): string {
  if (reason === 'SUBSCRIPTION_DELETED')
    return 'The subscription of the delivery is deleted, so it can not be sent again.'
  if (reason === 'TEST_EVENT')
    return 'The event was sent as a test, which is made once. Send another test event.'
  if (reason === 'EXPIRED')
    return 'The event has expired, so the delivery is not sent any more. Publish it again.'
  if (reason === 'ERASED')
    return 'The payload of the event was erased, so there is nothing left to send. Publish it again.'
  const status = reason === 'ALREADY_SENT' ? 'SENT' : 'PENDING'
  return `The delivery is ${status}. Only a delivery that is FAILED or DEAD can be retried.`
}

/**
 * Retries every FAILED or DEAD delivery of an event, but those of deleted subscriptions, and of test, expired and
 * erased events.
 *
 * @throws ServiceError NOT_FOUND
 */
export async function retryEvent(context: RetryContext, eventId: string): Promise<RetriedEvent> {
  if (!isUuid(eventId)) throw notFound('event', eventId)
  const { retried, results } = await retry(context, retryAll, eventId)
  if (retried === 0 && !(await exists(context.database, eventId))) throw notFound('event', eventId)
  return {
    retried,
    deliveries: results.slice(0, MAX_RETRY_RESULTS),
    isTruncated: results.length > MAX_RETRY_RESULTS,
  }
}

const exists = async ({ prisma }: VisibleDatabase, eventId: string): Promise<boolean> =>
  (await prisma.event.count({ where: { id: eventId } })) > 0

async function retry(
  { database, serviceEvents, onDue }: RetryContext,
  statement: VisibleStatement,
  id: string,
) {
  const rows = await database.query<RetryRow>(statement, [id])
  const changed = rows.filter((row) => row.kind !== 'result')
  announceChanges(serviceEvents, changesOfRows(changed))
  const retried = changed.filter(({ kind }) => kind === 'delivery').length
  if (retried > 0) onDue()
  const results = rows
    .filter((row) => row.kind === 'result')
    .map(
      ({ deliveryId, subscriptionId, isRetried, reason }): RetryResult => ({
        ...{ deliveryId, subscriptionId, isRetried, reason },
      }),
    )
  return { retried, results }
}
