/** The databases that measurements run on: a fresh one each, or the one with old deliveries, filled once. */
import pg from 'pg'
import { createResources } from '../src/platform/resources.js'
import type { Bench } from './bench.js'
import { fillOldDeliveries } from './fill.js'
import { fillSubscriptions } from './fill-subscriptions.js'
import type { TemporaryDatabase } from './infrastructure.js'
import type { Scenario } from './scenarios.js'

export interface Databases extends AsyncDisposable {
  /** The caller disposes of it after the measurement. A filled database stays for the next measurement. */
  provide(scenario: Scenario): Promise<TemporaryDatabase>
}

export function createDatabases({
  infrastructure,
  options,
}: Pick<Bench, 'infrastructure' | 'options'>): Databases {
  const resources = createResources()
  let filled: TemporaryDatabase | undefined
  let count = 0

  async function provideFilled(): Promise<TemporaryDatabase> {
    if (filled === undefined) {
      filled = resources.use(await infrastructure.createDatabase('filled', 'embedded'))
      await fillOldDeliveries(filled.url, options.oldDeliveries)
    } else {
      await retireSubscriptions(filled.url)
    }
    return { url: filled.url, async [Symbol.asyncDispose]() {} }
  }

  return {
    async provide({ tables, server }) {
      if (tables === 'old deliveries') return provideFilled()
      const database = await infrastructure.createDatabase(`fresh_${count++}`, server)
      if (tables === 'subscriptions of others')
        await fillSubscriptions(database.url, options.otherSubscriptions)
      return database
    },
    [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
  }
}

/** The next measurement subscribes the same endpoints, and those of the one before want nothing more. */
async function retireSubscriptions(databaseUrl: string): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  await client.query(`update subscriptions set "isEnabled" = false, fingerprint = sha256(id::text::bytea)`)
  await client.end()
}
