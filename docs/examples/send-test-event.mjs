// Tries an endpoint: sends a test event to a subscription, and shows what came of it. Ends with 1 when it failed.
//
//   node docs/examples/send-test-event.mjs http://127.0.0.1:3000 dev-key-1 019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f

const [url, apiKey, subscriptionId, type = 'user.created', data = '{"userId": "u_123"}'] =
  process.argv.slice(2)
if (!subscriptionId) throw new Error('Give the URL of the service, an API key and the id of a subscription')

const answer = await fetch(`${url}/v1/subscriptions/${subscriptionId}/test-event`, {
  method: 'POST',
  headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
  body: `{"type": ${JSON.stringify(type)}, "data": ${data}}`,
})
const body = await answer.json()
// An endpoint that fails is an answer, too. This is about the request: no such subscription, a wrong key, …
if (!answer.ok) throw new Error(body.detail)

const { status, statusCode, error, timings, request, response } = body.log
const say = (line) => process.stdout.write(`${line}\n`)
say(`${status}: ${error ?? `answered ${statusCode}`} after ${timings.totalMs} ms`)
if (request) say(`sent ${JSON.stringify(request.headers)}\n${request.body}`)
if (response) say(`came ${JSON.stringify(response.headers)}\n${response.body ?? ''}`)
process.exitCode = status === 'SENT' ? 0 : 1
