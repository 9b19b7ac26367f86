// Publishes what happens to an account, in its order, and shows what each of its events waits for.
//
//   node docs/examples/publish-in-order.mjs http://127.0.0.1:3000 dev-key-1 account-7 opened credited closed

import { setTimeout as pause } from 'node:timers/promises'

const [url, apiKey, account, ...changes] = process.argv.slice(2)
if (changes.length === 0)
  throw new Error('Give the URL of the service, an API key, an account, and what happened')

async function send(path, content) {
  const answer = await fetch(url + path, {
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    ...(content && { method: 'POST', body: JSON.stringify(content) }),
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail)
  return body
}

const events = []
for (const [index, change] of changes.entries()) {
  // The next one is published after the answer to the one before: so it comes behind it.
  const event = { type: `account.${change}`, data: { account, number: index + 1 }, orderingKey: account }
  const { eventId } = await send('/v1/events', event)
  events.push({ eventId, change })
}

for (const { eventId, change } of events) {
  // It is dispatched a moment after the answer, and has its deliveries from then on.
  while ((await send(`/v1/events/${eventId}`)).status === 'PENDING') await pause(50)
  const { items } = await send(`/v1/deliveries?eventId=${eventId}`)
  for (const { status, waitingFor } of items)
    process.stdout.write(`${change}: ${status}${waitingFor ? `, waits for ${waitingFor}` : ''}\n`)
}
