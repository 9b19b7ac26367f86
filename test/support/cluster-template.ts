/** A PostgreSQL cluster that `initdb` makes once for all tests. To copy it costs a quarter of another `initdb`. */
import { mkdir } from 'node:fs/promises'
import { inject } from 'vitest'
import { chooseAccount } from '../../src/platform/embedded-postgres/account.js'
import { provideBinaries } from '../../src/platform/embedded-postgres/binaries.js'
import { provideCluster } from '../../src/platform/embedded-postgres/cluster.js'
import { clusterIn, passwordFileIn, provideHome } from '../../src/platform/embedded-postgres/home.js'
import { run } from '../../src/platform/embedded-postgres/run.js'

declare module 'vitest' {
  interface ProvidedContext {
    clusterTemplate: string
  }
}

/** @returns the folder for `copyCluster`; no server ever runs in it */
export async function makeClusterTemplate(directory: string): Promise<string> {
  const account = await chooseAccount(clusterIn(directory))
  const home = await provideHome(directory, account, () => {})
  await provideCluster(home, await provideBinaries(home, account), account)
  return home
}

/** Leaves `dataDirectory` as the first start of an embedded PostgreSQL would, with a cluster and its password. */
export async function copyCluster(
  dataDirectory: string,
  template = inject('clusterTemplate'),
): Promise<void> {
  await mkdir(dataDirectory, { recursive: true })
  await run('/bin/cp', ['-a', clusterIn(template), passwordFileIn(template), dataDirectory], undefined)
}
