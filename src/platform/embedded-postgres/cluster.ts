import { chmod, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, giveTo } from './account.js'
import type { Binaries } from './binaries.js'
import { clusterIn, passwordFileIn } from './home.js'
import { makePassword } from './password.js'
import { EmbeddedPostgresError, run } from './run.js'
import { exists, makeWhole } from './whole-directory.js'

/** Sees to it that `home` holds a cluster. Only for whoever has the hold of it. */
export async function provideCluster(
  home: string,
  binaries: Binaries,
  account: Account | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const cluster = clusterIn(home)
  // A folder in which nothing is, as somebody may have made for it.
  await rmdir(cluster).catch(() => {})
  const initialize = async (draft: string) => {
    await makePassword(home, account)
    await chmod(draft, 0o700)
    await giveTo(account, draft)
    // 127.0.0.1 is open to every user of the machine, so each connection has to know the password.
    const auth = ['--auth=scram-sha-256', `--pwfile=${passwordFileIn(home)}`, '--username=postgres']
    const args = [`--pgdata=${draft}`, '--encoding=UTF8', '--locale=C', ...auth]
    await run(binaries.initdb, args, account, { signal })
  }
  await makeWhole(cluster, initialize, { isAlone: true })
  if (await exists(join(cluster, 'global', 'pg_control'))) return
  throw new EmbeddedPostgresError(
    `its data in ${cluster} is not whole. Put a backup there, or move it away to begin anew.`,
  )
}
