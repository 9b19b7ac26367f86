/** A gate that holds up the commit of an event, so that another may overtake it. */
import { expect } from 'vitest'
import type { RawJson } from '../../src/events/raw-json.js'
import type { Database } from '../../src/platform/postgres/database.js'
import type { TestDatabase } from '../support/database.js'

const GATE = 1

/** The data of an event that stops at the gate, if it is closed. */
export const stopping = '{"stops": true}' as RawJson

export async function buildGate(tables: TestDatabase): Promise<void> {
  await tables.query(`
    create function "stop at gate"() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(${GATE});
      return null;
    end $$`)
  await tables.query(`
    create trigger gate after insert on events for each row
    when (new.data ->> 'stops' = 'true') execute function "stop at gate"()`)
}

/** @returns what opens it again */
export async function closeGate(database: Database): Promise<() => Promise<void>> {
  const holder = await database.connect()
  await holder.query(`select pg_advisory_lock(${GATE})`)
  return () => holder.end()
}

/** Of transactions, for an advisory lock: at the gate, or behind one that stands there. */
export const untilWaiting = (tables: TestDatabase, count: number, isOver = () => false) =>
  expect
    .poll(
      async () => {
        if (isOver()) return count
        const [row] = await tables.query<{ count: number }>(`
          select count(*)::int as count from pg_locks
          where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`)
        return row?.count
      },
      { interval: 2, timeout: 5000 },
    )
    .toBe(count)
