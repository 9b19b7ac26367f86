// Finds the endpoints that fail, and begins anew with one that works again: what waits for it is sent at once.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export async function findFailing(client) {
  const failing = []
  let after
  do {
    const { items, pageInfo } = await client.subscriptions({ first: 100, after })
    failing.push(...items.filter(({ health }) => health.state !== 'HEALTHY'))
    after = pageInfo.hasNextPage ? pageInfo.endCursor : undefined
  } while (after)
  return failing.map(({ id, endpointUrl, disabledReason, health }) => {
    const { state, consecutiveFailures, failingSince } = health
    return { id, endpointUrl, disabledReason, state, consecutiveFailures, failingSince }
  })
}

/** @param {import('node-event-service-client').Client} client */
export async function beginAnew(client, subscriptionId) {
  await client.updateSubscription(subscriptionId, { isEnabled: false })
  return client.updateSubscription(subscriptionId, { isEnabled: true })
}
