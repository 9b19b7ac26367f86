/** How the endpoint of a subscription is. */
import type { EndpointHealth, HealthState } from '../../subscriptions/health.js'
import { builder } from '../builder.js'

const HealthStateEnum = builder.enumType('HealthState', {
  description: 'How an endpoint is.',
  values: {
    HEALTHY: { description: 'The last attempt succeeded, or there was none.' },
    FAILING: { description: 'The last attempt failed, or the endpoint recovers from a pause.' },
    PAUSED: { description: 'It failed for long: only probes are sent, one at a time.' },
  } satisfies Record<HealthState, object>,
})

const EndpointHealthType = builder.objectRef<EndpointHealth>('EndpointHealth').implement({
  description: 'How attempts at an endpoint ended lately, since it was changed or enabled.',
  fields: (t) => ({
    state: t.expose('state', { type: HealthStateEnum, description: 'How it is.' }),
    consecutiveFailures: t.exposeInt('consecutiveFailures', {
      description: 'Failed attempts since the last success.',
    }),
    failingSince: t.expose('failingSince', {
      type: 'DateTime',
      nullable: true,
      description: 'When the first of them failed.',
    }),
    lastSuccessAt: t.expose('lastSuccessAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The last 2xx; up to ten seconds too old while it is healthy.',
    }),
    lastFailureAt: t.expose('lastFailureAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The last failed attempt.',
    }),
    successRate: t.exposeFloat('successRate', {
      nullable: true,
      description: 'From 0 to 1: the attempts of the last hour that succeeded; null without any.',
    }),
    latencyP95Ms: t.exposeInt('latencyP95Ms', {
      nullable: true,
      description: '95 % of the attempts of the last hour took at most this long; null without any.',
    }),
  }),
})

/** Its reads of the metrics of an hour cost more than a column. */
const COMPLEXITY = 5

builder.prismaObjectField('Subscription', 'health', (t) =>
  t.field({
    type: EndpointHealthType,
    select: { id: true },
    complexity: COMPLEXITY,
    description: 'How its endpoint is.',
    resolve: async ({ id }, _args, { health }) => {
      const found = await health.load({ id })
      if (found === undefined) throw new Error(`There is no subscription ${id} to read the health of.`)
      return found
    },
  }),
)
