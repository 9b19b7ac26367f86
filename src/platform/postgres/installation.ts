/** Which service this is: the id that its database was given, by which it finds its own on a Redis that others use too. */
import type { Database } from './database.js'

const read = { name: 'read-installation', text: 'select id from installation' }

/** For a database whose tables were emptied. Of several processes that start at once, one does it. */
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
