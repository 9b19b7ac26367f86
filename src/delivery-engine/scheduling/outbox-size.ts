import { dispatchableAtMs } from '../../model/event-snapshot.js'
import type { Clock } from '../../platform/clock.js'
import type { Database, Statement } from '../../platform/postgres/database.js'

/** Entries whose age is measured: events that were scheduled come first, however short they have been in the outbox. */
const LOOKED_AT = 100

const measureOutbox: Statement = {
  name: 'measure-outbox',
  text: `
    select (select count(*)::int from outbox) as pending, (select count(*)::int from "scheduledEvents") as scheduled,
           first."eventId", e."deliverAt"
    from (select) as one left join (select "eventId" from outbox order by "eventId" limit ${LOOKED_AT}) as first on true
    left join lateral (select "deliverAt" from events where id = first."eventId" limit 1) as e on true`,
}

/** One of the first entries, or none. */
interface MeasureOutboxRow {
  pending: number
  scheduled: number
  eventId: string | null
  deliverAt: Date | null
}

/** How many events wait for the dispatcher, for how long the first, and how many are SCHEDULED. */
export async function readOutbox(
  database: Database,
  clock: Clock,
): Promise<{ pending: number; oldestAgeSeconds: number; scheduled: number }> {
  const rows = await database.query<MeasureOutboxRow>(measureOutbox, [])
  const [{ pending = 0, scheduled = 0 } = {}] = rows
  const ages = rows.flatMap(({ eventId, deliverAt }) =>
    eventId === null ? [] : [clock.nowMs() - dispatchableAtMs({ id: eventId, deliverAt })],
  )
  return { pending, scheduled, oldestAgeSeconds: Math.max(0, ...ages) / 1000 }
}
