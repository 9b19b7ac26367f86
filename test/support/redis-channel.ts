import type { TestDatabase } from './database.js'

/** What a channel is called on Redis by the service of this database. */
export async function channelOf(database: TestDatabase, name: string): Promise<string> {
  const [row] = await database.query<{ id: string }>('select id from installation')
  return `node-event-service:{${row?.id}}:${name}`
}
