import {
  countBuckets,
  type DeliveryMetrics,
  findDeliveryMetrics,
  MAX_METRICS_BUCKETS,
  MAX_METRICS_ROWS,
  metricsGroups,
} from '../../delivery-metrics/find.js'
import { builder } from '../builder.js'
import { checkIds } from '../ids.js'

const MetricsIntervalEnum = builder.enumType('MetricsInterval', {
  description: 'How long a bucket of metrics lasts. Hours and days are those of UTC.',
  values: {
    MINUTE: { description: 'Minutes are kept for two days.' },
    HOUR: { description: 'Kept for METRICS_RETENTION_DAYS.' },
    DAY: { description: 'Kept for METRICS_RETENTION_DAYS.' },
  } as const,
})

const MetricsGroupEnum = builder.enumType('MetricsGroup', {
  description: 'What has a row of its own in each bucket of metrics.',
  values: {
    SUBSCRIPTION: { description: 'Each subscription, and so each endpoint.' },
    TYPE: { description: 'Each event type.' },
  } as const,
})

const DeliveryMetricsObject = builder.objectRef<DeliveryMetrics>('DeliveryMetrics').implement({
  description: 'The attempts of one bucket of time, or of one group in it.',
  fields: (t) => ({
    startsAt: t.expose('startsAt', { type: 'DateTime', description: 'The beginning of the bucket.' }),
    subscriptionId: t.exposeID('subscriptionId', {
      nullable: true,
      description: 'Null unless grouped by SUBSCRIPTION.',
    }),
    type: t.exposeString('eventType', { nullable: true, description: 'Null unless grouped by TYPE.' }),
    attempts: t.exposeInt('attempts', { description: 'HTTP attempts, of whatever outcome.' }),
    sent: t.exposeInt('sent', { description: 'Attempts after which the delivery was SENT.' }),
    failed: t.exposeInt('failed', { description: 'Attempts after which the delivery was FAILED.' }),
    dead: t.exposeInt('dead', { description: 'Attempts after which the delivery was DEAD.' }),
    latencyP50Ms: t.exposeInt('latencyP50Ms', {
      description:
        'Half of the attempts took at most this long. Percentiles are within 5 % of the true ones.',
    }),
    latencyP95Ms: t.exposeInt('latencyP95Ms', {
      description: '95 % of the attempts took at most this long.',
    }),
    latencyP99Ms: t.exposeInt('latencyP99Ms', {
      description: '99 % of the attempts took at most this long.',
    }),
  }),
})

builder.queryField('deliveryMetrics', (t) =>
  t.field({
    type: [DeliveryMetricsObject],
    description:
      'Attempts and their response times by minute, hour or day, in the order of time. A bucket without attempts has ' +
      `no row. At most ${MAX_METRICS_BUCKETS} buckets and ${MAX_METRICS_ROWS} rows. An attempt is counted within seconds.`,
    args: {
      from: t.arg({ type: 'DateTime', required: true, description: 'The first bucket holds this moment.' }),
      to: t.arg({ type: 'DateTime', description: 'Before this moment; now when it is absent.' }),
      interval: t.arg({
        type: MetricsIntervalEnum,
        defaultValue: 'HOUR',
        description: 'How long a bucket lasts.',
      }),
      groupBy: t.arg({
        type: [MetricsGroupEnum],
        description: 'Without any, a bucket has one row for all attempts.',
      }),
      subscriptionId: t.arg.id({ description: 'Attempts of this subscription.' }),
      type: t.arg.string({ description: 'Attempts for events of this type.' }),
    },
    complexity: ({ from, to, interval, groupBy }) => ({
      field: 1 + metricsGroups.length,
      multiplier:
        groupBy == null || groupBy.length === 0
          ? countBuckets({ from, to: to ?? undefined, interval: interval ?? 'HOUR' })
          : MAX_METRICS_ROWS,
    }),
    resolve(_root, { from, to, interval, groupBy, subscriptionId, type }, { database }) {
      checkIds({ subscriptionId })
      return findDeliveryMetrics(database, {
        ...{ from, to: to ?? undefined, interval: interval ?? 'HOUR', groupBy: groupBy ?? [] },
        ...{ subscriptionId: subscriptionId ?? undefined, eventType: type ?? undefined },
      })
    },
  }),
)
