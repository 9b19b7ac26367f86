// Shows an endpoint that asks for one a client certificate (mutual TLS), and tells which must be renewed soon.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.
import { readFile } from 'node:fs/promises'

/** @param {import('node-event-service-client').Client} client */
export async function showCertificate(client, subscriptionId, certificateFile, keyFile) {
  const clientCertificate = {
    certificate: await readFile(certificateFile, 'utf8'),
    privateKey: await readFile(keyFile, 'utf8'),
  }
  return client.updateSubscription(subscriptionId, { clientCertificate })
}

/** Whether the certificate of a subscription ends within so many days. */
export function endsSoon({ clientCertificate }, days) {
  if (clientCertificate === null) return false
  return Date.parse(clientCertificate.validTo) < Date.now() + days * 86_400_000
}
