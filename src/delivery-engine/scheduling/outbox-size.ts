import type { Clock } from '../../platform/clock.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { timeOfUuidV7 } from '../../platform/uuid.js'

const measureOutbox: Statement = {
  name: 'measure-outbox',
  text: `
    select count(*)::int as pending, (select "eventId" from outbox order by "eventId" limit 1) as oldest
    from outbox`,
}

interface MeasureOutboxRow {
  pending: number
  oldest: string | null
}

/** How many events wait for the dispatcher, and the age of the oldest. */
export async function readOutbox(
  database: Database,
  clock: Clock,
): Promise<{ pending: number; oldestAgeSeconds: number }> {
  const [row] = await database.query<MeasureOutboxRow>(measureOutbox, [])
  const oldestAgeMs = row?.oldest ? Math.max(0, clock.nowMs() - timeOfUuidV7(row.oldest)) : 0
  return { pending: row?.pending ?? 0, oldestAgeSeconds: oldestAgeMs / 1000 }
}
