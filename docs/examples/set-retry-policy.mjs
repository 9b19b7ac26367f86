// How often, how fast and how long an endpoint is tried, where its owner wants it otherwise than the settings.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export function tryTwiceAndSoon(client, subscriptionId) {
  return client.updateSubscription(subscriptionId, {
    // The waits after each failure, in seconds: two waits are three attempts.
    retryPolicy: { scheduleSeconds: [0.1, 0.2] },
    timeoutMs: 5000,
    maxInFlight: 10,
    maxRequestsPerSecond: 50,
  })
}

/** @param {import('node-event-service-client').Client} client */
export function followTheSettings(client, subscriptionId) {
  const none = { retryPolicy: null, timeoutMs: null, maxInFlight: null, maxRequestsPerSecond: null }
  return client.updateSubscription(subscriptionId, none)
}
