// An endpoint that prints what the service tells of itself: dead deliveries, endpoints that fail, and more.
//
//   node docs/examples/watch-operations.mjs http://127.0.0.1:3000 dev-key-1
//
// A real one verifies the webhook, see verify.mjs, and drops what came before by `webhook-id`.
import { createServer } from 'node:http'

const [url, apiKey] = process.argv.slice(2)
if (!apiKey) throw new Error('Give the URL of the service and an API key')

const describe = {
  'service.delivery.dead': ({ deliveryId, lastError }) => `delivery ${deliveryId} is dead: ${lastError}`,
  'service.endpoint.failing': ({ subscriptionId, lastError }) => `${subscriptionId} is paused: ${lastError}`,
  'service.endpoint.recovered': ({ subscriptionId, failedSince }) =>
    `${subscriptionId} works again, it had failed since ${failedSince}`,
  'service.subscription.disabled': ({ subscriptionId, disabledReason }) =>
    `${subscriptionId} is disabled: ${disabledReason}`,
  'service.replay.finished': ({ kind, replayId, done, total }) =>
    `${kind} ${replayId} is finished: ${done} of ${total} deliveries`,
}

const server = createServer(async (request, response) => {
  const { type, payload } = JSON.parse(await new Response(request).text())
  // Later versions may have further types.
  process.stdout.write(`${describe[type]?.(payload.data) ?? type}\n`)
  response.writeHead(204).end()
})
server.listen(0, '127.0.0.1', async () => {
  const endpointUrl = `http://127.0.0.1:${server.address().port}/`
  const answer = await fetch(`${url}/v1/subscriptions`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ endpointUrl, eventTypes: ['service.*'] }),
  })
  if (!answer.ok) throw new Error((await answer.json()).detail)
  process.stdout.write('watching\n')
})
