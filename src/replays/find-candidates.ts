import { findDeliveries } from './find-deliveries.js'
import { findMissed } from './find-missed.js'
import type { ReadPage } from './page.js'

/** What there is left to make, a page of it. */
export const findCandidates: ReadPage = (database, request) =>
  request.task.missedBy === null ? findDeliveries(database, request) : findMissed(database, request)
