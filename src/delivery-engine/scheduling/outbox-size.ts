import type { Clock } from '../../platform/clock.js'
import type { Database } from '../../platform/postgres/database.js'
import { timeOfUuidV7 } from '../../platform/uuid.js'

const measureOutbox = {
  name: 'measure-outbox',
  text: `
    select count(*)::int as pending, (select "eventId" from outbox order by "eventId" limit 1) as oldest
    from outbox`,
}

/** How much waits for the dispatcher, and for how long the oldest of it has. */
export async function readOutbox(
  database: Database,
  clock: Clock,
): Promise<{ pending: number; oldestAgeSeconds: number }> {
  const [row] = await database.query<{ pending: number; oldest: string | null }>(measureOutbox, [])
  const oldestAgeMs = row?.oldest ? Math.max(0, clock.nowMs() - timeOfUuidV7(row.oldest)) : 0
  return { pending: row?.pending ?? 0, oldestAgeSeconds: oldestAgeMs / 1000 }
}
