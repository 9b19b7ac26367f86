import {
  type DeadLetterGroup,
  deadLetterGroupings,
  findDeadLetterGroups,
  MAX_DEAD_LETTER_GROUPS,
} from '../../deliveries/dead-letters.js'
import { builder } from '../builder.js'
import { checkIds } from '../ids.js'

const DeadLetterGroupingEnum = builder.enumType('DeadLetterGrouping', {
  description: 'What dead letters are grouped by.',
  values: {
    SUBSCRIPTION: { description: 'Each subscription, and so each endpoint.' },
    ERROR: { description: 'Each `lastError`.' },
  } as const satisfies Record<(typeof deadLetterGroupings)[number], object>,
})

const DeadLetterGroupObject = builder.objectRef<DeadLetterGroup>('DeadLetterGroup').implement({
  description: 'Dead letters of one subscription, of one error, or both.',
  fields: (t) => ({
    subscriptionId: t.exposeID('subscriptionId', {
      nullable: true,
      description: 'Null unless grouped by SUBSCRIPTION.',
    }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Null unless grouped by ERROR.',
    }),
    count: t.exposeInt('count', { description: 'How many dead letters.' }),
    isCountExact: t.exposeBoolean('isCountExact', {
      description: 'Whether there are no more than `count`.',
    }),
    firstAt: t.expose('firstAt', {
      type: 'DateTime',
      description: 'When the first of them became DEAD.',
    }),
    lastAt: t.expose('lastAt', { type: 'DateTime', description: 'When the last of them became DEAD.' }),
    lastDeliveryId: t.exposeID('lastDeliveryId', { description: 'The last of them.' }),
    subscription: t.prismaField({
      type: 'Subscription',
      nullable: true,
      description: 'The subscription, even when it was deleted; null unless grouped by SUBSCRIPTION.',
      resolve: (query, { subscriptionId: id }, _args, { database }) =>
        id === null ? null : database.prisma.subscription.findUnique({ ...query, where: { id } }),
    }),
    lastDelivery: t.prismaField({
      type: 'Delivery',
      nullable: true,
      description: 'The last of them; null when it was removed at this moment.',
      resolve: (query, { lastDeliveryId: id }, _args, { database }) =>
        database.prisma.delivery.findUnique({ ...query, where: { id } }),
    }),
  }),
})

builder.queryField('deadLetterGroups', (t) =>
  t.field({
    type: [DeadLetterGroupObject],
    description: `Dead letters in groups, the largest first; at most ${MAX_DEAD_LETTER_GROUPS}.`,
    args: {
      by: t.arg({
        type: [DeadLetterGroupingEnum],
        description: 'Without any, all dead letters are one group.',
      }),
      subscriptionId: t.arg.id({ description: 'Those of this subscription.' }),
      tenant: t.arg.string({ description: 'To subscriptions of this tenant.' }),
    },
    complexity: { field: 1 + deadLetterGroupings.length, multiplier: MAX_DEAD_LETTER_GROUPS },
    resolve(_root, { by, subscriptionId, tenant }, { database }) {
      checkIds({ subscriptionId })
      return findDeadLetterGroups(database, {
        by: by ?? [],
        subscriptionId: subscriptionId ?? undefined,
        tenant: tenant ?? undefined,
      })
    },
  }),
)
