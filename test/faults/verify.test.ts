/** A suite that finds nothing proves something only if it would have found it. Here the tables are made to forget. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { startProducer } from './producer.js'
import { createRandom } from './random.js'
import { settle } from './run.js'
import { until } from './until.js'
import { type Verification, verifyPromises } from './verify.js'
import { createWorld } from './world.js'

/** Rows that vanish, unseen, in the very commit that writes them: one in so many. */
const forgetful: Record<string, { key: string[]; oneIn: number }> = {
  outbox: { key: ['eventId'], oneIn: 5 },
  deliveries: { key: ['id'], oneIn: 50 },
  deliveryLogs: { key: ['deliveryId', 'attempt'], oneIn: 50 },
  tallies: { key: ['id'], oneIn: 20 },
}

/** Triggers of this database only. What they take away, they write down in `forgotten`. */
const forget = Object.entries(forgetful).map(([table, { key, oneIn }]) => {
  const columns = key.map((name) => `"${name}"`).join(', ')
  const values = key.map((name) => `new."${name}"`).join(', ')
  return `
    create sequence "${table} written";
    create function "forget ${table}"() returns trigger language plpgsql as $$
    begin
      if nextval('"${table} written"') % ${oneIn} = 0 then
        delete from "${table}" where (${columns}) = (${values});
        insert into forgotten values ('${table}', new."${key[0]}"::text);
      end if;
      return null;
    end $$;
    create trigger "forget" after insert on "${table}" for each row execute function "forget ${table}"();`
})

describe('the verification of tables that forget', () => {
  const resources = createResources()
  const forgotten = new Map<string, string[]>()
  let verification: Verification

  beforeAll(async () => {
    const world = resources.use(await createWorld(createRandom('endpoints')))
    // Events for a subscription with a limit go through the outbox. This limit is never reached.
    await world.postgres.query(`
      update subscriptions set "maxRequestsPerSecond" = 10000
      where id = (select id from subscriptions order by cardinality("eventTypes") desc limit 1)`)
    await world.postgres.query(`create table forgotten ("table" text, id text); ${forget.join('')}`)
    const apiUrls = world.apis.map(({ url }) => url)
    const random = createRandom('events')
    const producer = resources.use(
      startProducer({ apiUrls, apiKey: world.apiKey, eventsPerSecond: 40, random }),
    )
    await until('there is something to forget', async () => producer.accepted.size >= 400, {
      timeoutMs: 180_000,
    })
    await producer.finish()
    await settle(world)
    for (const { table, id } of await world.postgres.query<{ table: string; id: string }>(
      'select * from forgotten',
    )) {
      forgotten.set(table, [...(forgotten.get(table) ?? []), id])
    }
    verification = await verifyPromises(world, producer, [])
  }, 600_000)
  afterAll(() => resources[Symbol.asyncDispose](), 120_000)

  const found = (promise: string, detail: RegExp = /./) =>
    verification.findings
      .filter((one) => one.promise === promise && detail.test(one.detail))
      .map(({ id }) => id)

  it('names every event whose outbox entry is gone as lost', () => {
    const ids = forgotten.get('outbox') ?? []
    expect(ids.length).toBeGreaterThan(5)
    expect(found('lost', /never dispatched/).toSorted()).toEqual(ids.toSorted())
  })

  it('names every event that lacks a delivery as lost, and its counts as wrong', () => {
    const count = forgotten.get('deliveries')?.length
    expect(count).toBeGreaterThan(5)
    expect(found('lost', /no delivery to/)).toHaveLength(count as number)
    expect(found('status')).not.toEqual([])
  })

  it('names every delivery whose log is gone', () => {
    const ids = new Set(forgotten.get('deliveryLogs'))
    expect(ids.size).toBeGreaterThan(5)
    expect(found('logs').toSorted()).toEqual([...ids].toSorted())
  })

  it('sees that the totals are not the tables', () => {
    expect(forgotten.get('tallies')?.length).toBeGreaterThan(0)
    expect(found('stats')).toEqual(expect.arrayContaining([expect.stringMatching(/Total$|^deliveries/)]))
  })

  it('sees that the metrics of deliveries are not the logs', () =>
    expect(found('stats')).toEqual(expect.arrayContaining([expect.stringMatching(/^metrics of/)])))

  it('finds nothing else', () => {
    const caused = new Set(['lost', 'status', 'logs', 'stats'])
    expect(verification.findings.filter(({ promise }) => !caused.has(promise))).toEqual([])
  })
})
