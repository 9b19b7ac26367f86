// Gives a subscription the events that it missed: counts them, begins a replay, and follows it to its end.
//
//   node docs/examples/replay-missed.mjs http://127.0.0.1:3000 dev-key-1 019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f 24

import { setTimeout as pause } from 'node:timers/promises'

const HOUR_MS = 3_600_000
const RATE_PER_SECOND = 100
const [url, apiKey, missedBy, hours = '24'] = process.argv.slice(2)
if (!missedBy)
  throw new Error('Give the URL of the service, an API key, a subscription and for how many hours')

async function ask(path, content) {
  const answer = await fetch(url + path, {
    method: content ? 'POST' : 'GET',
    headers: { 'x-api-key': apiKey, ...(content && { 'content-type': 'application/json' }) },
    body: content && JSON.stringify(content),
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail)
  return body
}

const say = (line) => process.stdout.write(`${line}\n`)
const input = { missedBy, filter: { createdAt: { from: new Date(Date.now() - hours * HOUR_MS) } } }
const { total } = await ask('/v1/replays', { ...input, dryRun: true })
say(`missed: ${total}`)
let replay = await ask('/v1/replays', { ...input, ratePerSecond: RATE_PER_SECOND })
while (replay.state === 'RUNNING') {
  await pause(500)
  replay = await ask(`/v1/replays/${replay.id}`)
}
say(`${replay.state}: ${replay.done}`)
