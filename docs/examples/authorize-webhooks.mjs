// Headers that an endpoint wants, and the three ways to authorize webhooks. No answer shows a secret of them again.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export function addHeaders(client, subscriptionId) {
  return client.updateSubscription(subscriptionId, {
    headers: { 'x-team': 'billing' },
    secretHeaders: { 'x-api-key': 'K4s0-not-shown-again' },
  })
}

/** @param {import('node-event-service-client').Client} client */
export function useBasic(client, subscriptionId) {
  const basic = { username: 'events', password: 'open sesame' }
  return client.updateSubscription(subscriptionId, { auth: { basic } })
}

/** @param {import('node-event-service-client').Client} client */
export function useBearer(client, subscriptionId) {
  return client.updateSubscription(subscriptionId, { auth: { bearer: { token: 'a-token-that-stays' } } })
}

/** Access tokens by client credentials, which the service fetches and renews.
 * @param {import('node-event-service-client').Client} client */
export function useOAuth2(client, subscriptionId, tokenUrl) {
  const oauth2 = { tokenUrl, clientId: 'events', clientSecret: 'a client secret', scope: 'events:write' }
  return client.updateSubscription(subscriptionId, { auth: { oauth2 } })
}
