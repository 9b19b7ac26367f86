// What an endpoint was sent and answered, attempt by attempt.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export async function describeAttempts(client, deliveryId) {
  const attempts = await client.deliveryAttempts(deliveryId)
  return attempts.map(({ attempt, error, statusCode, timings, remoteAddress, request, response }) =>
    [
      `attempt ${attempt}: ${error ?? `answered ${statusCode}`} after ${timings.totalMs} ms, from ${remoteAddress}`,
      `  sent ${request?.body}`,
      `  came ${response?.body}`,
    ].join('\n'),
  )
}
