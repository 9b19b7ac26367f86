/** The id of the service's database. It prefixes keys and channels on a Redis that several services share. */
import type { Database } from './database.js'

const read = { name: 'read-installation', text: 'select id from installation' }

/** For a database whose tables were emptied. If several processes start at once, one of them inserts the row. */
const restore = {
  name: 'restore-installation',
  text: 'insert into installation default values on conflict do nothing',
}

/** @throws DatabaseUnavailableError */
export async function readInstallationId(database: Database): Promise<string> {
  const find = async () => (await database.query<{ id: string }>(read, []))[0]?.id
  const id = await find()
  if (id !== undefined) return id
  await database.query(restore, [])
  return (await find()) as string
}
