/**
 * Erasure: a user has the payload of an event removed, and what its attempts have kept. Only an event that has no open
 * delivery, and is to get none, can be erased: an erasure never takes back what a receiver waits for.
 */
import { notFound, ServiceError } from '../errors.js'
import type { EventStatus } from '../generated/prisma/enums.js'
import { finalEventStates, finalStates, sqlStates } from '../model/delivery-states.js'
import { sqlEraseLogs, sqlErasePayload } from '../model/erasure.js'
import { sqlEventSnapshot } from '../model/event-snapshot.js'
import { isUuid } from '../platform/uuid.js'
import { announceChanges, type ChangedEventRow, changesOfRows } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

/** `$1` the id. Locks as retries do, deliveries first and their event last: so each sees what the other has done. */
const eraseFinished = forViewer(
  { name: 'erase-event', parameters: 1 },
  ({ isVisible }) => `
    with held as materialized (
      select d.id, d.status from deliveries d
      where d."eventId" = (select e.id from events e where e.id = $1 and ${isVisible('e')})
      order by d.id for update
    ), event as materialized (
      select e.id, e.status, e."erasedAt" from events e
      where e.id = $1 and ${isVisible('e')} and (select count(*) from held) >= 0
      for no key update
    ), erasable as materialized (
      select id from event
      where "erasedAt" is null and status in (${sqlStates(finalEventStates)})
        and not exists (select from held where status not in (${sqlStates(finalStates)}))
    ), "erasedLogs" as (
      ${sqlEraseLogs('select held.id from held cross join erasable')}
    )
    update events e set ${sqlErasePayload}
    where e.id = (select id from erasable)
    returning 'event' as kind, ${sqlEventSnapshot('e')}`,
)

/** `$1` the id. */
const readErasure = forViewer(
  { name: 'read-erasure', parameters: 1 },
  ({ isVisible }) => `select status, "erasedAt" from events e where id = $1 and ${isVisible('e')}`,
)

interface ReadErasureRow {
  status: EventStatus
  erasedAt: Date | null
}

/**
 * Erasing an event again is answered as done.
 *
 * @throws ServiceError NOT_FOUND, or CONFLICT while it has open deliveries or is to get some
 */
export async function eraseEvent(
  { database, serviceEvents }: { database: VisibleDatabase; serviceEvents: ServiceEvents },
  id: string,
): Promise<{ id: string; erasedAt: Date }> {
  if (!isUuid(id)) throw notFound('event', id)
  const erased = await database.query<ChangedEventRow>(eraseFinished, [id])
  announceChanges(serviceEvents, changesOfRows(erased))
  const [event] = erased.length > 0 ? erased : await database.query<ReadErasureRow>(readErasure, [id])
  if (event === undefined) throw notFound('event', id)
  if (event.erasedAt !== null) return { id: id.toLowerCase(), erasedAt: event.erasedAt }
  throw new ServiceError('CONFLICT', refusal(event.status))
}

function refusal(status: EventStatus): string {
  const what = `The event is ${status}. Its payload is erased only when nothing is left to send: `
  if (status === 'SCHEDULED') return `${what}cancel the event first.`
  return `${what}wait until its deliveries have ended, or cancel them, and try again.`
}
