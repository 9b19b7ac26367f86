/** Cancel: a user takes back an event before it is delivered. Who removes its entry in the schedule has decided. */
import { notFound, ServiceError } from '../errors.js'
import type { EventStatus } from '../generated/prisma/enums.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { isUuid } from '../platform/uuid.js'
import { announceChanges, type ChangedEventRow, changesOfRows } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

/** `$1` the id. The dispatcher removes the entry, too, so one of both finds it. */
const cancelScheduled = forViewer(
  { name: 'cancel-event', parameters: 1 },
  ({ isVisible }) => `
    with taken as (
      delete from "scheduledEvents"
      where "eventId" = (select e.id from events e where e.id = $1 and ${isVisible('e')})
      returning "eventId"
    ), expiring as (
      delete from "expiringEvents" where "eventId" = (select "eventId" from taken)
    )
    update events e set status = 'CANCELLED', "updatedAt" = ${sqlNow}
    where e.id = (select "eventId" from taken) and e.status = 'SCHEDULED'
    returning 'event' as kind, ${sqlEventSnapshot('e')}`,
)

/** `$1` the id. */
const readStatus = forViewer(
  { name: 'read-event-status', parameters: 1 },
  ({ isVisible }) => `select status from events e where id = $1 and ${isVisible('e')}`,
)

interface ReadStatusRow {
  status: EventStatus
}

/**
 * Cancelling an event again is answered as done.
 *
 * @throws ServiceError NOT_FOUND, or CONFLICT when its time has come
 */
export async function cancelEvent(
  { database, serviceEvents }: { database: VisibleDatabase; serviceEvents: ServiceEvents },
  id: string,
): Promise<{ id: string; status: 'CANCELLED' }> {
  if (!isUuid(id)) throw notFound('event', id)
  const cancelled = await database.query<ChangedEventRow>(cancelScheduled, [id])
  announceChanges(serviceEvents, changesOfRows(cancelled))
  const [event] = cancelled.length > 0 ? cancelled : await database.query<ReadStatusRow>(readStatus, [id])
  if (event === undefined) throw notFound('event', id)
  if (event.status === 'CANCELLED') return { id: id.toLowerCase(), status: 'CANCELLED' }
  throw new ServiceError(
    'CONFLICT',
    `The event is ${event.status}. Only one that is SCHEDULED can be cancelled; after that, its deliveries can.`,
  )
}
