/** What there is left to make, a page of it. */
import { countDeliveries, findDeliveries } from './find-deliveries.js'
import { findMissed } from './find-missed.js'
import type { CountPage, ReadPage } from './page.js'

export const findCandidates: ReadPage = (database, request) =>
  request.task.missedBy === null ? findDeliveries(database, request) : findMissed(database, request)

export const countCandidates: CountPage = async (database, request) => {
  if (request.task.missedBy === null) return countDeliveries(database, request)
  const { fitting, last } = await findMissed(database, request)
  return { fitting: fitting.length, last }
}
