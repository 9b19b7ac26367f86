// Takes the deliveries of a subscription of kind PULL, one after the other, until none comes for a second.
//
//   node docs/examples/take-deliveries.mjs http://127.0.0.1:3000 dev-key-1 <id of the subscription>

const [url, apiKey, subscriptionId] = process.argv.slice(2)
if (subscriptionId === undefined)
  throw new Error('Give the URL of the service, an API key and the id of a subscription')

async function send(path, content) {
  const answer = await fetch(url + path, {
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    ...(content && { method: 'POST', body: JSON.stringify(content) }),
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail)
  return body
}

/** Your work: it throws where it can't be done. */
function work({ type, payload }) {
  if (payload.data.userId === undefined) throw new Error('no user')
  process.stdout.write(`${type} of ${payload.data.userId}\n`)
}

for (;;) {
  const { items } = await send(`/v1/subscriptions/${subscriptionId}/feed?wait=1`)
  if (items.length === 0) break
  for (const { deliveryId, attempt, webhook } of items) {
    try {
      work(JSON.parse(webhook.body))
    } catch (error) {
      await send(`/v1/deliveries/${deliveryId}/reject`, { attempt, error: error.message })
      continue
    }
    await send(`/v1/deliveries/${deliveryId}/acknowledge`, { attempt })
  }
}
