// Subscribes an endpoint to CloudEvents 1.0, and reads them from a request in either mode.
// `client` is createClient({ url: 'http://127.0.0.1:3000/graphql', apiKey: 'dev-key-1' }) of node-event-service-client.

/** @param {import('node-event-service-client').Client} client */
export function subscribe(client, endpointUrl, isBinary) {
  const format = isBinary ? 'CLOUDEVENTS_BINARY' : 'CLOUDEVENTS_STRUCTURED'
  return client.createSubscription({ endpointUrl, eventTypes: ['*'], format })
}

/** Verify the signature of the body first. @param headers by lower-case name */
export function readCloudEvent(headers, body) {
  const content = JSON.parse(body)
  if (headers['content-type'].startsWith('application/cloudevents+json')) return content
  const attributes = Object.entries(headers)
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, value]) => [name.slice('ce-'.length), decodeURIComponent(value)])
  return { ...Object.fromEntries(attributes), data: content }
}
