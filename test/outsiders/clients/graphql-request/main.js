import { setTimeout } from 'node:timers/promises'
import { GraphQLClient, gql } from 'graphql-request'

const { GRAPHQL_URL, API_KEY, ENDPOINT_URL, EVENT_TYPE } = process.env
const client = new GraphQLClient(GRAPHQL_URL, { headers: { 'X-API-Key': API_KEY } })

const { createSubscription } = await client.request(
  gql`
    mutation Subscribe($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { id } secret errors { message } }
    }
  `,
  { input: { endpointUrl: ENDPOINT_URL, eventTypes: [EVENT_TYPE] } },
)
const subscriptionId = createSubscription.subscription.id

const publish = async (n) => {
  const { publishEvent } = await client.request(
    gql`
      mutation Publish($input: PublishEventInput!) {
        publishEvent(input: $input) { event { id } errors { message } }
      }
    `,
    { input: { type: EVENT_TYPE, data: { n } } },
  )
  return publishEvent.event.id
}

const pageOfDeliveries = async (after) => {
  const { deliveries } = await client.request(
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
  return deliveries
}

async function deliveryThatIs(status) {
  for (;;) {
    const { edges } = await pageOfDeliveries()
    const delivery = edges[0]?.node
    if (delivery?.status === status) return delivery
    await setTimeout(50)
  }
}

const first = await publish(1)
const dead = await deliveryThatIs('DEAD')
const { retryDelivery } = await client.request(
  gql`
    mutation Retry($id: ID!) {
      retryDelivery(id: $id) { delivery { status } errors { message } }
    }
  `,
  { id: dead.id },
)
if (retryDelivery.errors.length > 0) throw new Error(retryDelivery.errors[0].message)
const sent = await deliveryThatIs('SENT')

const eventIds = [first, await publish(2), await publish(3)]
const pagedEventIds = []
let page
do {
  page = await pageOfDeliveries(page?.pageInfo.endCursor)
  pagedEventIds.push(...page.edges.map(({ node }) => node.event.id))
} while (page.pageInfo.hasNextPage)

console.log(
  JSON.stringify({
    secret: createSubscription.secret,
    eventIds,
    pagedEventIds,
    statuses: [dead.status, sent.status],
  }),
)
