// Shows what an API key of a tenant sees, and a token: of events that are published for two tenants and for none, its own.
//
//   API_KEYS=dev-key-1,acme=publish+read+manage@acme=acme-key npm start
//   node docs/examples/tenants.mjs http://127.0.0.1:3000 dev-key-1 acme-key

const [url, operatorKey, tenantKey] = process.argv.slice(2)
if (!tenantKey) throw new Error('Give the URL of the service, an API key without a tenant, and one of `acme`')

async function ask(apiKey, query, variables = {}) {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = await answer.json()
  if (errors) throw new Error(errors[0].message)
  return data
}

const publish = `mutation ($tenant: String) {
  publishEvent(input: { type: "order.created", tenant: $tenant, data: {} }) { event { id } errors { message } }
}`
for (const tenant of ['acme', 'zeta', null]) await ask(operatorKey, publish, { tenant })

const list = '{ events(first: 200) { edges { node { tenant } } } }'
const tenantsSeenBy = async (apiKey) => {
  const { events } = await ask(apiKey, list)
  return [...new Set(events.edges.map(({ node }) => node.tenant ?? 'none'))].sort().join(', ')
}
const say = (line) => process.stdout.write(`${line}\n`)
say(`without a tenant: ${await tenantsSeenBy(operatorKey)}`)
say(`of acme: ${await tenantsSeenBy(tenantKey)}`)
// A product makes a token for a page that it shows to a customer.
const { createTenantToken } = await ask(
  operatorKey,
  'mutation { createTenantToken(tenant: "zeta", expiresInSeconds: 900) { tenantToken { token } errors { message } } }',
)
say(`with a token of zeta: ${await tenantsSeenBy(createTenantToken.tenantToken.token)}`)
// An API key of a tenant needs to name none, and can't name another.
await ask(tenantKey, publish, {})
await ask(tenantKey, publish, { tenant: 'zeta' }).catch(({ message }) => say(`for zeta: ${message}`))
