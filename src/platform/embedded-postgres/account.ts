/**
 * The user that PostgreSQL runs as. PostgreSQL refuses to run as root. So a service of root runs it as the owner of the
 * data, else as the user `postgres`, else as `nobody`, which exists everywhere. No user is created on the machine.
 */
import { chown, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EmbeddedPostgresError } from './run.js'

export interface Account {
  name: string
  uid: number
  gid: number
}

/** @returns undefined when PostgreSQL can run as the user that this process is */
export async function chooseAccount(clusterDirectory: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = await readAccounts()
  const owner = await stat(clusterDirectory).catch(() => undefined)
  if (owner && owner.uid !== 0) {
    const known = accounts.find(({ uid }) => uid === owner.uid)
    return known ?? { name: String(owner.uid), uid: owner.uid, gid: owner.gid }
  }
  const account = ['postgres', 'nobody']
    .map((wanted) => accounts.find(({ name }) => name === wanted))
    .find(Boolean)
  if (!account) throw new EmbeddedPostgresError('it does not run as root, and there is no user `nobody`.')
  return account
}

async function readAccounts(): Promise<Account[]> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
  return lines.map((line) => {
    const [name = '', , uid, gid] = line.split(':')
    return { name, uid: Number(uid), gid: Number(gid) }
  })
}

export async function giveTo(account: Account | undefined, path: string): Promise<void> {
  if (account) await chown(path, account.uid, account.gid)
}

/** Whether `account` may pass through a folder and all folders above it. `directory` has no symbolic links. */
export async function canEnter(directory: string, account: Account): Promise<boolean> {
  const { mode, uid, gid } = await stat(directory)
  const searchBit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  if ((mode & searchBit) === 0) return false
  const parent = dirname(directory)
  return parent === directory || canEnter(parent, account)
}
