/**
 * Follows every change of a delivery's status, also over breaks of the connection. On each connection the live updates
 * begin first, then a query finds the missed changes. A change from both sources is reported once.
 *
 * The query returns the current state of deliveries: after two changes during a break, only the last one is reported.
 * The changes of one delivery come in order, the changes of several deliveries nearly in order.
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
  /** Only changes to one of these statuses. */
  status?: DeliveryStatus[] | undefined
  /** Begins with the changes since this time; if absent, with the changes from now on. */
  since?: Date | undefined
}

/** The service's limit for a page. */
const PAGE_SIZE = 200

/** A change may become visible this much after its `updatedAt`: the time of its transaction, from before the commit. */
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

  /** Reads page by page from the oldest delivery on, so that new deliveries do not shift the pages. */
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

/** Recognizes changes that were already reported, or that a later change of the same delivery has overtaken. */
function createNews() {
  const told = new Map<string, DeliveryFieldsFragment>()
  let latest = 0

  /** The query no longer asks for older changes, so they can't come again. */
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
      // Deleted first, so that the map stays in the order of changes.
      told.delete(id)
      told.set(id, delivery)
      forgetBefore(latest - 2 * COMMIT_LAG_MS)
      return true
    },
  }
}
