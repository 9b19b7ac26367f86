import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { relayStylePagination } from '@apollo/client/utilities'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const { GRAPHQL_URL, GRAPHQL_WS_URL, API_KEY, ENDPOINT_URL, EVENT_TYPE } = process.env
const seen = new EventTarget()

const socket = createClient({
  url: GRAPHQL_WS_URL,
  webSocketImpl: WebSocket,
  connectionParams: { apiKey: API_KEY },
  on: { connected: () => seen.dispatchEvent(new Event('connected')) },
})
const isSubscription = ({ operationType }) => operationType === 'subscription'
const sha256 = (text) => createHash('sha256').update(text).digest('hex')
const client = new ApolloClient({
  cache: new InMemoryCache({
    typePolicies: { Query: { fields: { deliveries: relayStylePagination(['filter']) } } },
  }),
  link: ApolloLink.split(
    isSubscription,
    new GraphQLWsLink(socket),
    ApolloLink.from([
      new PersistedQueryLink({ sha256 }),
      new HttpLink({ uri: GRAPHQL_URL, headers: { 'X-API-Key': API_KEY } }),
    ]),
  ),
})

const { data: subscribed } = await client.mutate({
  mutation: gql`
    mutation Subscribe($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { id } secret errors { message } }
    }
  `,
  variables: { input: { endpointUrl: ENDPOINT_URL, eventTypes: [EVENT_TYPE] } },
})
const { subscription, secret } = subscribed.createSubscription

async function publish(n) {
  const { data } = await client.mutate({
    mutation: gql`
      mutation Publish($input: PublishEventInput!) {
        publishEvent(input: $input) { event { id status } errors { message } }
      }
    `,
    variables: { input: { type: EVENT_TYPE, data: { n } } },
  })
  return data.publishEvent.event.id
}

const statuses = []
const connected = once(seen, 'connected')
const watching = client
  .subscribe({
    query: gql`
      subscription Watch($subscriptionId: ID!) {
        deliveryUpdated(subscriptionId: $subscriptionId) { id status attempts }
      }
    `,
    variables: { subscriptionId: subscription.id },
  })
  .subscribe(({ data }) => {
    const { id, status } = data.deliveryUpdated
    statuses.push(status)
    seen.dispatchEvent(new MessageEvent(status, { data: id }))
  })
await connected

const died = once(seen, 'DEAD')
const first = await publish(1)
const [{ data: deliveryId }] = await died
const sent = once(seen, 'SENT')
await client.mutate({
  mutation: gql`
    mutation Retry($id: ID!) {
      retryDelivery(id: $id) { delivery { id status } errors { message } }
    }
  `,
  variables: { id: deliveryId },
})
await sent
watching.unsubscribe()

const eventIds = [first, await publish(2), await publish(3)]
const deliveries = client.watchQuery({
  query: gql`
    query Deliveries($subscriptionId: ID!, $after: String) {
      deliveries(first: 2, after: $after, filter: { subscriptionId: $subscriptionId }) {
        edges { cursor node { id status event { id } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  variables: { subscriptionId: subscription.id },
})
const { edges } = await new Promise((resolve) => {
  deliveries.subscribe(({ data, loading }) => {
    if (loading || !data) return
    const { endCursor, hasNextPage } = data.deliveries.pageInfo
    if (hasNextPage) deliveries.fetchMore({ variables: { after: endCursor } })
    else resolve(data.deliveries)
  })
})

console.log(
  JSON.stringify({
    secret,
    eventIds,
    pagedEventIds: edges.map(({ node }) => node.event.id),
    statuses,
  }),
)
client.stop()
socket.dispose()
