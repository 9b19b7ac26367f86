// Erases the payload of an event, for example when the person whom it is about asks for it. Its history stays.
//
//   node docs/examples/erase-event.mjs http://127.0.0.1:3000 dev-key-1 019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f

const [url, apiKey, eventId] = process.argv.slice(2)
if (!eventId) throw new Error('Give the URL of the service, an API key and the id of an event')

const answer = await fetch(`${url}/v1/events/${eventId}/erase`, {
  method: 'POST',
  headers: { 'x-api-key': apiKey },
})
const { erasedAt, detail } = await answer.json()
// 409: something is still to be sent. The sentence says what to do first.
process.stdout.write(answer.ok ? `erased at ${erasedAt}\n` : `not erased: ${detail}\n`)
