/** Which erasure a process works on next. Taking one puts its next step off, so that no other process takes it. */
import type { ErasureSnapshot } from '../model/erasure.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'

/** A process that dies delays its erasure by this much. */
const TAKEN_SECONDS = 10

export interface TakenErasure
  extends Pick<ErasureSnapshot, 'id' | 'tenant' | 'subscriptionId' | 'createdAt'> {
  until: string
  cursor: string
  isListed: boolean
}

const takeErasure: Statement = {
  name: 'take-erasure',
  text: `
    update erasures set "nextStepAt" = ${sqlNow} + interval '${TAKEN_SECONDS} seconds'
    where id = (
      select id from erasures where state = 'RUNNING' and "nextStepAt" <= now()
      order by "nextStepAt" limit 1 for update skip locked
    )
    returning id, tenant, "subscriptionId", "createdAt", until, cursor, "isListed"`,
}

/** The erasure whose step is due for the longest time. */
export async function takeNext(database: Database): Promise<TakenErasure | undefined> {
  const [taken] = await database.query<TakenErasure>(takeErasure, [])
  return taken
}
