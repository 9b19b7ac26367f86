import { chmod, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Account, giveTo } from './account.js'
import type { Binaries } from './binaries.js'
import { clusterIn, passwordFileIn } from './home.js'
import { makePassword } from './password.js'
import { EmbeddedPostgresError, run } from './run.js'
import { exists, makeWhole } from './whole-directory.js'

/** Creates the cluster in `home` if there is none. The caller must hold the folder. */
export async function provideCluster(
  home: string,
  binaries: Binaries,
  account: Account | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const cluster = clusterIn(home)
  // An empty folder, which a user may have made.
  await rmdir(cluster).catch(() => {})
  const initialize = async (draft: string) => {
    await makePassword(home, account)
    await chmod(draft, 0o700)
    await giveTo(account, draft)
    // Every user of the machine can connect to 127.0.0.1, so each connection needs the password.
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
