import { countStats, type Stats } from '../../deliveries/stats.js'
import { builder } from '../builder.js'

const StatsObject = builder.objectRef<Stats>('Stats').implement({
  description: 'How much there is of everything.',
  fields: (t) => ({
    eventsTotal: t.exposeInt('eventsTotal'),
    deliveriesTotal: t.exposeInt('deliveriesTotal'),
    deliveriesPending: t.exposeInt('deliveriesPending'),
    deliveriesSent: t.exposeInt('deliveriesSent'),
    deliveriesFailed: t.exposeInt('deliveriesFailed'),
    deliveriesDead: t.exposeInt('deliveriesDead'),
    subscriptionsTotal: t.exposeInt('subscriptionsTotal'),
    subscriptionsEnabled: t.exposeInt('subscriptionsEnabled'),
  }),
})

builder.queryField('stats', (t) =>
  t.field({
    type: StatsObject,
    description: 'How much there is of everything.',
    resolve: (_root, _args, { database }) => countStats(database),
  }),
)
