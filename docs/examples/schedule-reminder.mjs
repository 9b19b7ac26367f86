// Reminds of an invoice in a few days, unless it is paid before: schedules an event, and cancels it.
//
//   node docs/examples/schedule-reminder.mjs http://127.0.0.1:3000 dev-key-1 remind invoice-7 3
//   node docs/examples/schedule-reminder.mjs http://127.0.0.1:3000 dev-key-1 cancel 019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f

const DAY_MS = 24 * 3_600_000
const [url, apiKey, command, subject, days = '3'] = process.argv.slice(2)
if (!subject) throw new Error('Give the URL of the service, an API key, remind or cancel, and what')

async function post(path, content) {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(content),
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail)
  return body
}

const say = (line) => process.stdout.write(`${line}\n`)
if (command === 'cancel') {
  const { id, status } = await post(`/v1/events/${subject}/cancel`, {})
  say(`${status}: ${id}`)
} else {
  const deliverAt = new Date(Date.now() + Number(days) * DAY_MS)
  // A day later nobody needs it any more, so a receiver that is down until then does not get it at all.
  const expiresAt = new Date(deliverAt.getTime() + DAY_MS)
  const event = { type: 'invoice.overdue', data: { invoice: subject }, deliverAt, expiresAt }
  const { eventId, status } = await post('/v1/events', event)
  say(`${status} for ${deliverAt.toISOString()}: ${eventId}`)
}
