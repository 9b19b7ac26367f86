import { countStats, type Stats } from '../../deliveries/stats.js'
import { builder } from '../builder.js'

const StatsObject = builder.objectRef<Stats>('Stats').implement({
  description: 'How much there is of everything.',
  fields: (t) => ({
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

builder.queryField('stats', (t) =>
  t.field({
    type: StatsObject,
    description: 'How much there is of everything.',
    resolve: (_root, _args, { database }) => countStats(database),
  }),
)
