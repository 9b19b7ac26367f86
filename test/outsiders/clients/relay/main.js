const { once } = require('node:events')
const { createClient } = require('graphql-ws')
const {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getSingularSelector,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
} = require('relay-runtime')
const { WebSocket } = require('ws')
const documents = require('./documents.js')

const { GRAPHQL_URL, GRAPHQL_WS_URL, API_KEY, ENDPOINT_URL, EVENT_TYPE } = process.env
const seen = new EventTarget()

async function fetchGraphQL({ text: query }, variables) {
  const response = await fetch(GRAPHQL_URL, {
    method: 'POST',
    headers: { 'X-API-Key': API_KEY, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  return response.json()
}

const webSocket = createClient({
  url: GRAPHQL_WS_URL,
  webSocketImpl: WebSocket,
  connectionParams: { apiKey: API_KEY },
  on: { connected: () => seen.dispatchEvent(new Event('connected')) },
})
const subscribe = ({ name, text: query }, variables) =>
  Observable.create((sink) => webSocket.subscribe({ operationName: name, query, variables }, sink))

const environment = new Environment({
  network: Network.create(fetchGraphQL, subscribe),
  store: new Store(new RecordSource(), { gcReleaseBufferSize: 100 }),
})

const mutate = (mutation, variables) =>
  new Promise((resolve, reject) =>
    commitMutation(environment, {
      mutation,
      variables,
      onError: reject,
      onCompleted: (data, errors) => (errors ? reject(errors) : resolve(data)),
    }),
  )

const query = (document, variables = {}) => fetchQuery(environment, document, variables).toPromise()
const publish = async (n) =>
  (await mutate(documents.publish, { input: { type: EVENT_TYPE, data: { n } } })).publishEvent.event.id

/** What a component reads: the fragment's data as the store has it now. */
const readFragment = (fragment, reference) =>
  environment.lookup(getSingularSelector(fragment, reference)).data

/** As `usePaginationFragment`: the fragment with its next page, which the store appends to the connection. */
async function loadNext(fragment, reference, page, count) {
  const { pageInfo } = readFragment(fragment, reference).deliveries
  const variables = { id: reference.__id, count, cursor: pageInfo.endCursor }
  environment.retain(createOperationDescriptor(page, variables))
  await query(page, variables)
}

const pageInfoOf = (fragment, reference) => readFragment(fragment, reference).deliveries.pageInfo

async function main() {
  const { createSubscription } = await mutate(documents.subscribe, {
    input: { endpointUrl: ENDPOINT_URL, eventTypes: [EVENT_TYPE] },
  })
  const subscriptionId = createSubscription.subscription.id

  const statuses = []
  const live = once(seen, 'connected')
  const watching = requestSubscription(environment, {
    subscription: documents.watch,
    variables: { subscriptionId },
    onNext: ({ deliveryUpdated: { id, status } }) => {
      statuses.push(status)
      seen.dispatchEvent(new MessageEvent(status, { data: id }))
    },
    onError: (error) => {
      throw error
    },
  })
  await live

  const died = once(seen, 'DEAD')
  const first = await publish(1)
  const [{ data: deliveryId }] = await died
  const sent = once(seen, 'SENT')
  await mutate(documents.retry, { id: deliveryId })
  await sent
  watching.dispose()
  const eventIds = [first, await publish(2), await publish(3)]

  const operation = createOperationDescriptor(documents.endpoint, { id: subscriptionId })
  environment.retain(operation)
  const { subscription } = await query(documents.endpoint, { id: subscriptionId })
  while (pageInfoOf(documents.endpointDeliveries, subscription).hasNextPage)
    await loadNext(documents.endpointDeliveries, subscription, documents.endpointPage, 2)
  const { edges } = readFragment(documents.endpointDeliveries, subscription).deliveries

  // Below each delivery its event, with the deliveries of that event, and read again by `node(id:)`.
  const nested = []
  for (const { node } of edges) {
    await query(documents.eventPage, { id: node.event.id, count: 1, cursor: null })
    const event = readFragment(documents.eventDeliveries, node.event)
    nested.push(event.deliveries.edges.map((edge) => edge.node.subscription.id))
  }

  // Two operations with different fields of one object.
  await query(documents.totals)
  await query(documents.enabled)
  const { data } = environment.lookup(createOperationDescriptor(documents.totals, {}).fragment)

  console.log(
    JSON.stringify({
      ...{ secret: createSubscription.secret, eventIds, statuses },
      pagedEventIds: edges.map(({ node }) => node.event.id),
      nestedAreOfSubscription: nested.every((ids) => ids.length === 1 && ids[0] === subscriptionId),
      eventsTotal: data.stats.eventsTotal,
    }),
  )
}

main().then(
  () => process.exit(),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
