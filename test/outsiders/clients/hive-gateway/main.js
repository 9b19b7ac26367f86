/** A graph of two services behind a gateway: the webhooks and the invoices that they carry. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime'
import { composeServices, compositionHasErrors } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { createInvoices, typeDefs } from './invoices.js'

const { GRAPHQL_URL, API_KEY, ENDPOINT_URL, EVENT_TYPE } = process.env

async function listen(handler) {
  const server = createServer(handler)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${server.address().port}/graphql`
}

async function ask(url, query, variables, key = API_KEY) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ query, variables }),
  })
  return response.json()
}

const invoices = []
const invoicesUrl = await listen(createInvoices(invoices))
const { data } = await ask(GRAPHQL_URL, '{ _service { sdl } }')
const composed = composeServices([
  { name: 'webhooks', typeDefs: parse(data._service.sdl), url: GRAPHQL_URL },
  { name: 'invoices', typeDefs: parse(typeDefs), url: invoicesUrl },
])
if (compositionHasErrors(composed)) throw new Error(composed.errors.map(({ message }) => message).join('\n'))

const gatewayUrl = await listen(
  createGatewayRuntime({
    supergraph: composed.supergraphSdl,
    propagateHeaders: {
      fromClientToSubgraphs: ({ request }) => ({ 'x-api-key': request.headers.get('x-api-key') ?? '' }),
    },
    logging: false,
  }),
)

async function askGateway(query, variables) {
  const answer = await ask(gatewayUrl, query, variables)
  if (answer.errors) throw new Error(JSON.stringify(answer.errors))
  return answer.data
}

const { createSubscription } = await askGateway(
  `mutation ($input: CreateSubscriptionInput!) {
    createSubscription(input: $input) { subscription { id } errors { message } }
  }`,
  { input: { endpointUrl: ENDPOINT_URL, eventTypes: [EVENT_TYPE] } },
)
const subscriptionId = createSubscription.subscription.id

/** Live through the gateway, each delivery with its invoice. */
const live = await fetch(gatewayUrl, {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-api-key': API_KEY },
  body: JSON.stringify({
    query: `subscription ($id: ID) { deliveryUpdated(subscriptionId: $id) { id status invoice { number } } }`,
    variables: { id: subscriptionId },
  }),
})
const updates = []
const isSent = (async () => {
  let text = ''
  for await (const chunk of live.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const blocks = text.split('\n\n')
    text = blocks.pop()
    for (const block of blocks) {
      const line = block.split('\n').find((each) => each.startsWith('data: {'))
      if (line === undefined) continue
      const result = JSON.parse(line.slice('data: '.length))
      if (result.errors) throw new Error(JSON.stringify(result.errors))
      updates.push(result.data.deliveryUpdated)
      if (updates.at(-1).status === 'SENT') return
    }
  }
  throw new Error('The live updates have ended.')
})()

const { publishEvent } = await askGateway(
  `mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } errors { message } } }`,
  { input: { type: EVENT_TYPE, data: { number: 'R-1' } } },
)
await isSent
invoices.push({ number: 'R-1', deliveryId: updates[0].id })

const fromInvoices = await askGateway(
  '{ invoices { number sentBy { id status attempts event { id type } } } }',
)
const fromDeliveries = await askGateway(
  `query ($id: ID!) {
    subscription(id: $id) { deliveries(first: 5) { edges { node { id status invoice { number sentBy { status } } } } } }
  }`,
  { id: subscriptionId },
)
const refused = await ask(gatewayUrl, '{ invoices { number sentBy { status } } }', {}, 'a-wrong-key')

console.log(
  JSON.stringify({
    eventId: publishEvent.event.id,
    liveStatuses: updates.map(({ status }) => status),
    invoices: fromInvoices.invoices,
    deliveries: fromDeliveries.subscription.deliveries.edges.map(({ node }) => node),
    refusedWith: refused.errors.map(({ extensions }) => extensions.code),
  }),
)
process.exit(0)
