/** What the breakers did, in the order in which it was done: each change of one is written down as it is committed. */
import type { BreakablePostgres } from './postgres.js'

type Tables = Pick<BreakablePostgres, 'query'>

/** A breaker from one change to the next. The times are `performance.now()`. */
export interface Turn {
  subscriptionId: string
  from: number
  to: number
  /** When the next probe may be made; null unless the endpoint is paused. */
  probeAt: number | null
  /** The most deliveries at a time while it recovers; null otherwise. */
  pace: number | null
}

/** A trigger of this database only. */
export async function keepTurns(postgres: Tables): Promise<void> {
  await postgres.query(`
    create table "breakerTurns" (
      id bigint generated always as identity primary key, "subscriptionId" uuid, at timestamptz, "probeAt" timestamptz, pace int
    );
    create function "keep turn"() returns trigger language plpgsql as $$
    begin
      insert into "breakerTurns" ("subscriptionId", at, "probeAt", pace)
      values (new."subscriptionId", clock_timestamp(), new."probeAt", new.pace);
      return null;
    end $$;
    create trigger "keep turn" after update on "endpointHealth" for each row
    when ((old."probeAt", old.pace) is distinct from (new."probeAt", new.pace)) execute function "keep turn"()`)
}

interface TurnRow {
  subscriptionId: string
  at: Date
  probeAt: Date | null
  pace: number | null
}

export async function readTurns(postgres: Tables): Promise<Turn[]> {
  const rows = await postgres.query<TurnRow>(
    'select "subscriptionId", at, "probeAt", pace from "breakerTurns" order by "subscriptionId", id',
  )
  return rows.map(({ subscriptionId, at, probeAt, pace }, index) => {
    const next = rows[index + 1]
    return {
      ...{ subscriptionId, pace },
      from: sinceStart(at),
      to: next?.subscriptionId === subscriptionId ? sinceStart(next.at) : Number.POSITIVE_INFINITY,
      probeAt: probeAt && sinceStart(probeAt),
    }
  })
}

const sinceStart = (at: Date): number => at.getTime() - performance.timeOrigin
