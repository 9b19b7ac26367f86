import { once } from 'node:events'
import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import WebSocket from 'ws'

const { GRAPHQL_URL, GRAPHQL_WS_URL, API_KEY, ENDPOINT_URL, EVENT_TYPE } = process.env
const headers = { 'X-API-Key': API_KEY }
const seen = new EventTarget()
const connected = () => seen.dispatchEvent(new Event('connected'))

const overWebSocket = () => {
  const socket = createWsClient({
    url: GRAPHQL_WS_URL,
    webSocketImpl: WebSocket,
    connectionParams: { apiKey: API_KEY },
    on: { connected },
  })
  return subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({
        unsubscribe: socket.subscribe({ ...request, query: request.query ?? '' }, sink),
      }),
    }),
  })
}

const overSse = () => {
  const sse = createSseClient({ url: GRAPHQL_URL, headers, on: { connected } })
  return subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({
        unsubscribe: sse.subscribe({ ...request, query: request.query ?? '' }, sink),
      }),
    }),
  })
}

async function fetchAndTell(...args) {
  const response = await fetch(...args)
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) connected()
  return response
}

const transports = {
  'graphql-ws': () => ({ exchanges: [cacheExchange, fetchExchange, overWebSocket()] }),
  'graphql-sse': () => ({ exchanges: [cacheExchange, fetchExchange, overSse()] }),
  fetch: () => ({ exchanges: [cacheExchange, fetchExchange], fetchSubscriptions: true, fetch: fetchAndTell }),
}

const client = new Client({
  url: GRAPHQL_URL,
  fetchOptions: { headers },
  ...transports[process.argv[2]](),
})

async function mutate(document, variables) {
  const { data, error } = await client.mutation(document, variables)
  if (error) throw error
  return data
}

const { createSubscription } = await mutate(
  gql`
    mutation Subscribe($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { id } secret errors { message } }
    }
  `,
  { input: { endpointUrl: ENDPOINT_URL, eventTypes: [EVENT_TYPE] } },
)
const subscriptionId = createSubscription.subscription.id

async function publish(n) {
  const { publishEvent } = await mutate(
    gql`
      mutation Publish($input: PublishEventInput!) {
        publishEvent(input: $input) { event { id } errors { message } }
      }
    `,
    { input: { type: EVENT_TYPE, data: { n } } },
  )
  return publishEvent.event.id
}

const statuses = []
const live = once(seen, 'connected')
const watching = client
  .subscription(
    gql`
      subscription Watch($subscriptionId: ID!) {
        deliveryUpdated(subscriptionId: $subscriptionId) { id status attempts }
      }
    `,
    { subscriptionId },
  )
  .subscribe(({ data, error }) => {
    if (error) throw error
    const { id, status } = data.deliveryUpdated
    statuses.push(status)
    seen.dispatchEvent(new MessageEvent(status, { data: id }))
  })
await live

const died = once(seen, 'DEAD')
const first = await publish(1)
const [{ data: deliveryId }] = await died
const sent = once(seen, 'SENT')
await mutate(
  gql`
    mutation Retry($id: ID!) {
      retryDelivery(id: $id) { delivery { id status } errors { message } }
    }
  `,
  { id: deliveryId },
)
await sent
watching.unsubscribe()

const eventIds = [first, await publish(2), await publish(3)]
const pagedEventIds = []
let after
do {
  const { data, error } = await client.query(
    gql`
      query Deliveries($subscriptionId: ID!, $after: String) {
        deliveries(first: 2, after: $after, filter: { subscriptionId: $subscriptionId }) {
          edges { node { id status event { id } } }
          pageInfo { hasNextPage endCursor }
        }
      }
    `,
    { subscriptionId, after },
  )
  if (error) throw error
  pagedEventIds.push(...data.deliveries.edges.map(({ node }) => node.event.id))
  after = data.deliveries.pageInfo.hasNextPage ? data.deliveries.pageInfo.endCursor : undefined
} while (after)

console.log(JSON.stringify({ secret: createSubscription.secret, eventIds, pagedEventIds, statuses }))
process.exit()
