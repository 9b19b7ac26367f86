/**
 * Every change of a delivery's status, over breaks of the connection too: on each connection what is live
 * begins first, then what was missed is queried, and what comes in both ways is told once.
 *
 * What is queried is how deliveries stand: of a delivery that changed twice during a break, the last change
 * is told. The changes of one delivery come in their order; those of different ones nearly so.
 */
import {
  DeliveriesDocument,
  type DeliveriesQueryVariables,
  type DeliveryFieldsFragment,
  type DeliveryStatus,
  DeliveryUpdatedDocument,
} from './generated/graphql.js'
import { followLive, type LiveOptions } from './live-transport.js'
import { request, type Transport } from './transport.js'

export interface WatchDeliveriesOptions extends LiveOptions {
  eventId?: string | undefined
  subscriptionId?: string | undefined
  /** Changes to one of these. */
  status?: DeliveryStatus[] | undefined
  /** Begins with what has changed since then; without it, with what changes from now on. */
  since?: Date | undefined
}

/** The most that a page of the service holds. */
const PAGE_SIZE = 200

/** How much later than its `updatedAt` a change may show: a transaction has one time, and commits after it. */
const COMMIT_LAG_MS = 10_000

export async function* watchDeliveries(
  transport: Transport,
  { eventId, subscriptionId, status, since, ...live }: WatchDeliveriesOptions,
): AsyncGenerator<DeliveryFieldsFragment, void, undefined> {
  const news = createNews()
  let begunAt = since

  async function* catchUp(connectedAt: Date) {
    const isFirst = begunAt === undefined
    begunAt ??= connectedAt
    if (isFirst) return
    const from = new Date(Math.max(begunAt.getTime(), news.latest() - COMMIT_LAG_MS))
    for await (const delivery of changedSince(from)) yield { deliveryUpdated: delivery }
  }

  /** Page by page, the oldest deliveries first: those that come meanwhile can move no page. */
  async function* changedSince(from: Date) {
    const filter = { eventId, subscriptionId, status, updatedAt: { from: from.toISOString() } }
    let before: string | null = null
    do {
      const variables: DeliveriesQueryVariables = { filter, last: PAGE_SIZE, before }
      const { deliveries } = await request(transport, DeliveriesDocument, variables, live.signal)
      yield* deliveries.edges.map(({ node }) => node).toSorted(byUpdatedAt)
      const { hasPreviousPage, startCursor } = deliveries.pageInfo
      before = hasPreviousPage ? startCursor : null
    } while (before !== null)
  }

  const variables = { eventId, subscriptionId, status }
  const operation = { ...live, transport, document: DeliveryUpdatedDocument, variables, catchUp }
  for await (const { deliveryUpdated } of followLive(operation)) {
    if (news.isNew(deliveryUpdated)) yield deliveryUpdated
  }
}

const byUpdatedAt = (one: DeliveryFieldsFragment, other: DeliveryFieldsFragment) =>
  Date.parse(one.updatedAt) - Date.parse(other.updatedAt)

/** Tells what was told already, and what has been overtaken by a later change of the same delivery. */
function createNews() {
  const told = new Map<string, DeliveryFieldsFragment>()
  let latest = 0

  /** Nothing older than this can come again: it is asked for no more. */
  function forgetBefore(time: number): void {
    for (const [id, { updatedAt }] of told) {
      if (Date.parse(updatedAt) >= time) return
      told.delete(id)
    }
  }

  return {
    latest: () => latest,
    isNew(delivery: DeliveryFieldsFragment): boolean {
      const { id, updatedAt, status, attempts } = delivery
      const last = told.get(id)
      if (last !== undefined) {
        if (updatedAt < last.updatedAt) return false
        // Two changes may fall into one millisecond.
        if (updatedAt === last.updatedAt && status === last.status && attempts === last.attempts) return false
      }
      latest = Math.max(latest, Date.parse(updatedAt))
      // Anew, so that the map is in the order of changes.
      told.delete(id)
      told.set(id, delivery)
      forgetBefore(latest - 2 * COMMIT_LAG_MS)
      return true
    },
  }
}
