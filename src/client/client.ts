/** The client of the service: typed operations, and live updates. */
import type { DeliveryFieldsFragment } from './generated/graphql.js'
import { followLive, type LiveOptions } from './live-transport.js'
import { createOperations, type Operations } from './operations.js'
import { createTransport, type Document, request, type TransportOptions } from './transport.js'
import { type WatchDeliveriesOptions, watchDeliveries } from './watch-deliveries.js'

export interface Client extends Operations {
  /**
   * Runs a query or a mutation.
   * @throws ClientError; the `errors` in a mutation's payload are data, and do not throw
   */
  request<Data, Variables extends object>(
    document: Document<Data, Variables>,
    variables?: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Data>
  /**
   * Follows a live operation, and reconnects when the service restarts. Updates during a lost connection are missed:
   * query for them in `onReconnect`.
   */
  subscribe<Data, Variables extends object>(
    document: Document<Data, Variables>,
    variables?: Variables,
    options?: LiveOptions,
  ): AsyncIterable<Data>
  /** Follows deliveries and misses no change: it catches up after each break. */
  watchDeliveries(options?: WatchDeliveriesOptions): AsyncIterable<DeliveryFieldsFragment>
}

export function createClient(options: TransportOptions): Client {
  const transport = createTransport(options)
  return {
    ...createOperations(transport),
    request: (document, variables, { signal } = {}) => request(transport, document, variables, signal),
    subscribe: (document, variables, live = {}) => followLive({ ...live, transport, document, variables }),
    watchDeliveries: (watch = {}) => watchDeliveries(transport, watch),
  }
}
