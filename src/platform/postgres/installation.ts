/** The one row that says which service's data this database holds. */
import type { Database, Statement } from './database.js'

export interface Installation {
  /** Prefixes keys and channels on a Redis that several services share. */
  id: string
  /** What tokens of tenants are signed with, beside the encryption key. */
  tokenSecret: Buffer
}

const findInstallation: Statement = {
  name: 'read-installation',
  text: 'select id, "tokenSecret" from installation',
}

/** For a database whose tables were emptied. If several processes start at once, one of them inserts the row. */
const restoreInstallation: Statement = {
  name: 'restore-installation',
  text: 'insert into installation default values on conflict do nothing',
}

/** @throws DatabaseUnavailableError */
export async function readInstallation(database: Database): Promise<Installation> {
  const find = async () => (await database.query<Installation>(findInstallation, []))[0]
  const found = await find()
  if (found !== undefined) return found
  await database.query(restoreInstallation, [])
  return (await find()) as Installation
}
