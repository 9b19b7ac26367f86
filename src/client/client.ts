/** The service, from a program: typed operations, and what happens in it as it happens. */
import type { DeliveryFieldsFragment } from './generated/graphql.js'
import { followLive, type LiveOptions } from './live-transport.js'
import { createOperations, type Operations } from './operations.js'
import { createTransport, type Document, request, type TransportOptions } from './transport.js'
import { type WatchDeliveriesOptions, watchDeliveries } from './watch-deliveries.js'

export interface Client extends Operations {
  /**
   * Runs a query or a mutation.
   * @throws ClientError; what a mutation's payload has in its `errors` is data
   */
  request<Data, Variables extends object>(
    document: Document<Data, Variables>,
    variables?: Variables,
    options?: { signal?: AbortSignal },
  ): Promise<Data>
  /**
   * Follows a live operation, over restarts of the service. What happens while the connection is lost is
   * missed, and `onReconnect` says when to query for it.
   */
  subscribe<Data, Variables extends object>(
    document: Document<Data, Variables>,
    variables?: Variables,
    options?: LiveOptions,
  ): AsyncIterable<Data>
  /** Follows deliveries with nothing missed: after each break it catches up by itself. */
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
