// Subscribes an endpoint to the larger orders only, once the filter has been tried on an event.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export async function subscribeToLargeOrders(client, endpointUrl) {
  const filter = 'data.total > 100.0 && data.currency in ["CHF", "EUR"]'
  const event = { type: 'order.created', data: { total: 250, currency: 'CHF' } }

  const { matches, error, unmet } = await client.previewFilter(filter, { event })
  if (!matches) throw new Error(error ?? `does not hold: ${unmet.join(', ')}`)

  // `order.*` is every type with `order` and further segments.
  return client.createSubscription({ endpointUrl, eventTypes: ['order.*'], filter })
}
