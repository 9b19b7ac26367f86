// Erases the payloads of all events of a tenant, for example when its contract has ended. Their history stays.
//
//   node docs/examples/erase-tenant.mjs http://127.0.0.1:3000 dev-key-1 acme

import { setTimeout as pause } from 'node:timers/promises'

const [url, apiKey, tenant] = process.argv.slice(2)
if (!tenant) throw new Error('Give the URL of the service, an API key and a tenant')

async function call(path, body) {
  const answer = await fetch(`${url}/v1/erasures${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  const content = await answer.json()
  if (!answer.ok) throw new Error(content.detail)
  return content
}

let erasure = await call('', { tenant })
while (erasure.state === 'RUNNING') {
  await pause(500)
  erasure = await call(`/${erasure.id}`)
  // What has open deliveries is erased once they have ended.
  process.stdout.write(`${erasure.erased} erased, ${erasure.waiting} wait\n`)
}
