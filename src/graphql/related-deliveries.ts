/** Loads the deliveries below events or subscriptions, for all parents of an operation together. */
import { loadPages, type RelatedPage } from '../deliveries/pages.js'
import type { Delivery } from '../generated/prisma/client.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

export interface RelatedDeliveries {
  /** @returns the page of one parent, newest first */
  load(parentId: string, page: RelatedPage): Promise<Delivery[]>
}

interface Batch {
  parentIds: Set<string>
  rows: Promise<Delivery[]>
}

/** For one operation. It loads pages together when they are asked for at the same moment with the same arguments. */
export function createRelatedDeliveries(database: VisibleDatabase): RelatedDeliveries {
  const batches = new Map<string, Batch>()

  function begin(key: string, page: RelatedPage): Batch {
    const parentIds = new Set<string>()
    const filled = new Promise((resolve) => setImmediate(resolve))
    const rows = filled.then(() => {
      batches.delete(key)
      return loadPages(database, page, [...parentIds])
    })
    const batch = { parentIds, rows }
    batches.set(key, batch)
    return batch
  }

  return {
    async load(parentId, page) {
      const key = JSON.stringify(page)
      const { parentIds, rows } = batches.get(key) ?? begin(key, page)
      parentIds.add(parentId)
      return (await rows).filter((row) => row[page.by] === parentId)
    },
  }
}
