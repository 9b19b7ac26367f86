/**
 * Every list that there is, with each of its filters and with every two of them, on tables that `full-tables.ts`
 * filled.
 */

/** A request that answers with a list, as one who watches over the service would make it. */
export interface ListRequest {
  name: string
  path: string
  /** Present for a GraphQL request, absent for a REST request. */
  body?: { query: string; variables: object }
}

/** Rows to ask for. */
export interface Known {
  eventId: string
  /** A subscription with many deliveries. `quietSubscriptionId` has had none for a long time. */
  busySubscriptionId: string
  quietSubscriptionId: string
}

type Filters = Record<string, Record<string, unknown>>

const HOUR_MS = 3_600_000
const ago = (hours: number): string => new Date(Date.now() - hours * HOUR_MS).toISOString()

/** The values to try for each field of the filter. The key of a value is its name in the report. */
export const deliveryFilters = (known: Known): Filters => ({
  status: {
    SENT: ['SENT'],
    DEAD: ['DEAD'],
    'FAILED or DEAD': ['FAILED', 'DEAD'],
    'PENDING or FAILED': ['PENDING', 'FAILED'],
  },
  eventId: { one: known.eventId },
  subscriptionId: { busy: known.busySubscriptionId, quiet: known.quietSubscriptionId },
  tenant: { unknown: 'nobody' },
  error: { common: 'ANSWERED', unknown: 'nothing' },
  statusClass: { '2xx': ['HTTP_2XX'], '5xx': ['HTTP_5XX'], 'none or 4xx': ['NONE', 'HTTP_4XX'] },
  createdAt: { '20 days ago': { from: ago(481), to: ago(480) }, 'the last hour': { from: ago(1) } },
  updatedAt: { '20 days ago': { from: ago(481), to: ago(480) }, 'the last hour': { from: ago(1) } },
})

export const eventFilters = (known: Known): Filters => ({
  status: { DELIVERED: ['DELIVERED'], DEAD: ['DEAD'], 'PROCESSING or DEAD': ['PROCESSING', 'DEAD'] },
  type: { common: ['type.7'], rare: ['type.1'], unknown: ['nothing'] },
  tenant: { unknown: 'nobody' },
  idempotencyKey: { one: 'key-2000' },
  subscriptionId: { busy: known.busySubscriptionId, quiet: known.quietSubscriptionId },
  createdAt: { '20 days ago': { from: ago(481), to: ago(480) }, 'the last hour': { from: ago(1) } },
})

export const subscriptionFilters = (): Filters => ({
  isEnabled: { true: true, false: false },
  eventType: { one: 'type.7' },
  endpointUrl: { one: 'http://127.0.0.1:9/7' },
  tenant: { unknown: 'nobody' },
  labels: { none: { tenant: 'nobody' } },
})

/** Each filter alone, then every two of different fields. */
function combine(filters: Filters): { name: string; filter: Record<string, unknown> }[] {
  const all = Object.entries(filters).flatMap(([field, values]) =>
    Object.entries(values).map(([name, value]) => ({ field, name: `${field} ${name}`, value })),
  )
  const alone = all.map(({ field, name, value }) => ({ name, filter: { [field]: value } }))
  const pairs = all.flatMap((a, index) =>
    all.slice(index + 1).flatMap((b) => {
      const filter = { [a.field]: a.value, [b.field]: b.value }
      return a.field === b.field ? [] : [{ name: `${a.name}, ${b.name}`, filter }]
    }),
  )
  return [{ name: 'all', filter: {} }, ...alone, ...pairs]
}

const graphql = (name: string, query: string, variables: object): ListRequest => ({
  name: `GraphQL ${name}`,
  path: '/graphql',
  body: { query, variables },
})

const connection = (list: string, filterType: string, fields: string, filters: Filters): ListRequest[] =>
  combine(filters).map(({ name, filter }) =>
    graphql(
      `${list}: ${name}`,
      `query ($filter: ${filterType}) { ${list}(first: 50, filter: $filter) { edges { node { ${fields} } } pageInfo { hasNextPage } } }`,
      { filter },
    ),
  )

/** Deliveries as a field of each subscription in a list. */
const below = (known: Known): ListRequest[] =>
  combine(deliveryFilters(known)).map(({ name, filter }) =>
    graphql(
      `subscriptions' deliveries: ${name}`,
      'query ($filter: DeliveryFilter) { subscriptions(first: 20) { edges { node { deliveries(first: 10, filter: $filter) { edges { node { id status } } } } } } }',
      { filter },
    ),
  )

function rest(known: Known): ListRequest[] {
  const { eventId, busySubscriptionId, quietSubscriptionId } = known
  const filters = {
    status: { SENT: 'SENT', DEAD: 'DEAD', PENDING: 'PENDING', FAILED: 'FAILED' },
    eventId: { one: eventId },
    subscriptionId: { busy: busySubscriptionId, quiet: quietSubscriptionId },
    error: { common: 'answered' },
    statusClass: { '5xx': 'HTTP_5XX', none: 'NONE' },
  }
  return [
    ...combine(filters).map(({ name, filter }) => ({
      name: `REST deliveries: ${name}`,
      path: `/v1/deliveries?${new URLSearchParams(filter as Record<string, string>)}`,
    })),
    ...['', '?enabled=true', '?enabled=false'].map((query) => ({
      name: `REST subscriptions: ${query || 'all'}`,
      path: `/v1/subscriptions${query}`,
    })),
    { name: 'REST event', path: `/v1/events/${eventId}` },
    { name: 'REST summary', path: `/v1/events/${eventId}/summary` },
    { name: 'REST stats', path: '/v1/stats' },
    { name: 'REST replays', path: '/v1/replays' },
    { name: 'REST erasures', path: '/v1/erasures' },
    ...[
      '',
      '?by=SUBSCRIPTION,ERROR',
      `?by=ERROR&subscriptionId=${quietSubscriptionId}`,
      '?tenant=nobody',
    ].map((query) => ({ name: `REST dead letters: ${query || 'all'}`, path: `/v1/dead-letters${query}` })),
    {
      name: 'REST metrics of deliveries',
      path: '/v1/delivery-metrics?from=2026-01-01T00:00:00Z&interval=DAY&groupBy=SUBSCRIPTION,TYPE',
    },
  ]
}

const deliveryFields = 'id status attempts event { id type } subscription { id } logs { attempt }'

export const listRequests = (known: Known): ListRequest[] => [
  ...rest(known),
  ...connection('deliveries', 'DeliveryFilter', deliveryFields, deliveryFilters(known)),
  ...connection(
    'events',
    'EventFilter',
    'id type deliveries(first: 5) { edges { node { id } } }',
    eventFilters(known),
  ),
  ...connection('subscriptions', 'SubscriptionFilter', 'id endpointUrl', subscriptionFilters()),
  ...below(known),
  graphql(
    'dead letters',
    '{ deadLetterGroups(by: [SUBSCRIPTION]) { count subscription { endpointUrl } lastDelivery { status } } }',
    {},
  ),
]
