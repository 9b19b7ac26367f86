// Replaces the secret of a subscription without a webhook that nobody can verify, and adds Ed25519 signatures.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export async function rotateSecret(client, subscriptionId, handOver) {
  // Both secrets sign for two days. Receivers that know one of them verify each webhook.
  const { secret } = await client.rotateSecret(subscriptionId, 48)
  await handOver(secret)
}

/** Receivers verify `v1a` signatures by this key, which is no secret.
 * @param {import('node-event-service-client').Client} client */
export async function addPublicKey(client, subscriptionId) {
  const { publicKey } = await client.updateSubscription(subscriptionId, { signatures: ['V1', 'V1A'] })
  return publicKey
}
