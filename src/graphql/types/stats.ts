import { countStats, type Stats } from '../../deliveries/stats.js'
import { builder } from '../builder.js'
import { followerOf } from '../context.js'
import type { Rates, StatsUpdate } from '../stats-updates.js'

const StatsObject = builder.objectRef<Stats>('Stats').implement({
  description: 'How much there is of everything.',
  fields: (t) => ({
    id: t.id({
      description:
        'Always `stats`: normalising caches of clients keep one object and merge its fields. No `node(id:)`.',
      resolve: () => 'stats',
    }),
    eventsTotal: t.exposeInt('eventsTotal', { description: 'Events that were published.' }),
    deliveriesTotal: t.exposeInt('deliveriesTotal', { description: 'Deliveries, whatever their status.' }),
    deliveriesPending: t.exposeInt('deliveriesPending', { description: 'Deliveries that are PENDING.' }),
    deliveriesSent: t.exposeInt('deliveriesSent', { description: 'Deliveries that are SENT.' }),
    deliveriesFailed: t.exposeInt('deliveriesFailed', { description: 'Deliveries that are FAILED.' }),
    deliveriesDead: t.exposeInt('deliveriesDead', { description: 'Deliveries that are DEAD.' }),
    subscriptionsTotal: t.exposeInt('subscriptionsTotal', {
      description: 'Subscriptions, without those that were deleted.',
    }),
    subscriptionsEnabled: t.exposeInt('subscriptionsEnabled', {
      description: 'Subscriptions that take events.',
    }),
  }),
})

const RatesObject = builder.objectRef<Rates>('Rates').implement({
  description: 'How fast things happen, as the mean since the update before.',
  fields: (t) => ({
    eventsPerSecond: t.exposeFloat('eventsPerSecond', { description: 'Events that were accepted.' }),
    sentPerSecond: t.exposeFloat('sentPerSecond', {
      description: 'Attempts after which a delivery was SENT.',
    }),
    failedPerSecond: t.exposeFloat('failedPerSecond', {
      description: 'Attempts after which a delivery was FAILED.',
    }),
    deadPerSecond: t.exposeFloat('deadPerSecond', {
      description: 'Attempts after which a delivery was DEAD.',
    }),
  }),
})

const StatsUpdateObject = builder.objectRef<StatsUpdate>('StatsUpdate').implement({
  description: 'Totals and rates at a moment.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When they were read.' }),
    stats: t.expose('stats', { type: StatsObject, description: 'The totals.' }),
    rates: t.expose('rates', {
      type: RatesObject,
      nullable: true,
      description:
        'Null when the totals were read for the first time: a rate needs two readings. Null for an API key of a tenant.',
    }),
  }),
})

builder.subscriptionField('statsUpdated', (t) =>
  t.field({
    type: StatsUpdateObject,
    description: 'Totals and rates: at once, then whenever they change, at most once a second.',
    subscribe: (_root, _args, context) => context.liveUpdates.followStats(followerOf(context)),
    resolve: (update) => update,
  }),
)

builder.queryField('stats', (t) =>
  t.field({
    type: StatsObject,
    description: 'How much there is of everything.',
    resolve: (_root, _args, { database }) => countStats(database),
  }),
)
