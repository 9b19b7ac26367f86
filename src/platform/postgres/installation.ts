/** The id of the service's database. It prefixes keys and channels on a Redis that several services share. */
import type { Database, Statement } from './database.js'

const readInstallation: Statement = { name: 'read-installation', text: 'select id from installation' }

interface ReadInstallationRow {
  id: string
}

/** For a database whose tables were emptied. If several processes start at once, one of them inserts the row. */
const restoreInstallation: Statement = {
  name: 'restore-installation',
  text: 'insert into installation default values on conflict do nothing',
}

/** @throws DatabaseUnavailableError */
export async function readInstallationId(database: Database): Promise<string> {
  const find = async () => (await database.query<ReadInstallationRow>(readInstallation, []))[0]?.id
  const id = await find()
  if (id !== undefined) return id
  await database.query(restoreInstallation, [])
  return (await find()) as string
}
