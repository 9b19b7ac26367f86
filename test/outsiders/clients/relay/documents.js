/** What a build with babel-plugin-relay puts in place of each tag. */
const graphql = ([text]) =>
  require(`./__generated__/${/(?:query|mutation|subscription|fragment) (\w+)/.exec(text)[1]}.graphql`)

exports.subscribe = graphql`
  mutation documentsSubscribeMutation($input: CreateSubscriptionInput!) {
    createSubscription(input: $input) { subscription { id } secret errors { message } }
  }
`

exports.publish = graphql`
  mutation documentsPublishMutation($input: PublishEventInput!) {
    publishEvent(input: $input) { event { id } errors { message } }
  }
`

exports.watch = graphql`
  subscription documentsWatchSubscription($subscriptionId: ID!) {
    deliveryUpdated(subscriptionId: $subscriptionId) { id status attempts }
  }
`

exports.retry = graphql`
  mutation documentsRetryMutation($id: ID!) {
    retryDelivery(id: $id) { delivery { id status } errors { message } }
  }
`

exports.endpoint = graphql`
  query documentsEndpointQuery($id: ID!) {
    subscription(id: $id) { id endpointUrl ...documents_endpoint }
  }
`

/** Pages of the deliveries to an endpoint, each with a page of the deliveries of its event. */
exports.endpointDeliveries = graphql`
  fragment documents_endpoint on WebhookSubscription
  @refetchable(queryName: "documentsEndpointPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
    deliveries(first: $count, after: $cursor) @connection(key: "documents_endpoint_deliveries") {
      edges { node { id status event { id ...documents_event } } }
    }
  }
`
exports.endpointPage = require('./__generated__/documentsEndpointPageQuery.graphql')

exports.eventDeliveries = graphql`
  fragment documents_event on Event
  @refetchable(queryName: "documentsEventPageQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" }) {
    status
    deliveries(first: $count, after: $cursor) @connection(key: "documents_event_deliveries") {
      edges { node { id status subscription { id } } }
    }
  }
`
exports.eventPage = require('./__generated__/documentsEventPageQuery.graphql')

exports.totals = graphql`
  query documentsTotalsQuery { stats { eventsTotal } }
`
exports.enabled = graphql`
  query documentsEnabledQuery { stats { subscriptionsEnabled } }
`
