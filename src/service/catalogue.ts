/** The catalogue of a process that takes events: workers have none. */
import { OTHER_MS } from '../budgets.js'
import { type Catalogue, createCatalogue } from '../catalogue/catalogue.js'
import { createViolationCounts, type ViolationCounts } from '../catalogue/violations.js'
import { createRefresher } from '../platform/refresher.js'
import type { StartContext } from './context.js'
import type { Messaging } from './messaging.js'
import type { Storage } from './storage.js'

export interface OpenCatalogue {
  catalogue: Catalogue
  violationCounts: ViolationCounts
  /** To be called after each commit that changes the catalogue. */
  onCatalogueChanged(): Promise<void>
}

export async function openCatalogue(
  { resources, reportTrouble }: StartContext,
  { database }: Storage,
  { wakeUps }: Messaging,
): Promise<OpenCatalogue> {
  const catalogue = await createCatalogue(database)
  const refresher = resources.use(
    createRefresher(catalogue, reportTrouble('catalogue')),
    'catalogue',
    OTHER_MS,
  )
  refresher.start()
  wakeUps.listen('catalogue', refresher.wake)
  const violationCounts = resources.use(
    createViolationCounts(database, reportTrouble('violations of schemas')),
    'violations of schemas',
    OTHER_MS,
  )
  return {
    ...{ catalogue, violationCounts },
    async onCatalogueChanged() {
      wakeUps.send('catalogue')
      await catalogue.refresh().catch(reportTrouble('catalogue'))
    },
  }
}
