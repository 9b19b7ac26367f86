import type { Prisma } from '../../generated/prisma/client.js'
import { fromStoredFilter } from '../../model/tenant.js'
import { parseInput } from '../../platform/input-errors.js'
import { isPostgresText } from '../../platform/postgres/postgres-text.js'
import { isUuid } from '../../platform/uuid.js'
import { visibleDisabled } from '../../subscriptions/disabled.js'
import { labels, toStoredLabels } from '../../subscriptions/labels.js'
import { publicKeysOf } from '../../subscriptions/subscription.js'
import { builder } from '../builder.js'
import { checkPage, connectionComplexity, DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from '../connection-arguments.js'
import { DisabledReasonEnum, SignatureVersionEnum, SubscriptionKindEnum } from '../enums.js'
import { byText, condition } from '../filters.js'
import { Node } from '../node-interface.js'
import { DeliveryConnection, DeliveryEdge, DeliveryFilter } from './delivery.js'

export const WebhookSubscription = builder.prismaObject('Subscription', {
  interfaces: [Node],
  // The name `Subscription` belongs to GraphQL's own root type.
  name: 'WebhookSubscription',
  description: 'An endpoint and the event types it wants. Its secret is shown once, by what makes it.',
  select: {
    id: true,
    kind: true,
    endpointUrl: true,
    eventTypes: true,
    tenant: true,
    filter: true,
    isEnabled: true,
    isOrdered: true,
    description: true,
    maxRequestsPerSecond: true,
    signatures: true,
    createdAt: true,
    updatedAt: true,
    deletedAt: true,
  },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    kind: t.expose('kind', {
      type: SubscriptionKindEnum,
      description: 'How its deliveries reach the consumer.',
    }),
    endpointUrl: t.exposeString('endpointUrl', {
      nullable: true,
      description: 'Where its webhooks are posted; null for kind `PULL`.',
    }),
    eventTypes: t.exposeStringList('eventTypes', {
      description: 'Names and patterns: `user.*` is every type with further segments, `*` every type.',
    }),
    tenant: t.exposeString('tenant', {
      nullable: true,
      description: "Whose it is; null for the operator's own.",
    }),
    filter: t.string({
      nullable: true,
      select: { filter: true, tenant: true },
      description: 'Which events of these types: an expression in CEL; null for all.',
      resolve: ({ filter, tenant }) => fromStoredFilter(filter, tenant),
    }),
    filterErrors: t.relation('filterErrors', {
      nullable: true,
      description: 'The events for which the filter failed, so it got none of them. Null without any.',
    }),
    isOrdered: t.exposeBoolean('isOrdered', {
      description: 'Whether it gets the events of one `orderingKey` in their order, one at a time.',
    }),
    isEnabled: t.exposeBoolean('isEnabled', {
      description: 'What waits for a disabled subscription goes on when it is enabled again.',
    }),
    disabledReason: t.field({
      type: DisabledReasonEnum,
      nullable: true,
      select: { isEnabled: true, disabledReason: true, disabledAt: true },
      description: 'Why it is disabled; null while it is enabled.',
      resolve: (subscription) => visibleDisabled(subscription).disabledReason,
    }),
    disabledAt: t.field({
      type: 'DateTime',
      nullable: true,
      select: { isEnabled: true, disabledReason: true, disabledAt: true },
      description: 'Since when it is disabled; null while it is enabled.',
      resolve: (subscription) => visibleDisabled(subscription).disabledAt,
    }),
    description: t.exposeString('description', { nullable: true, description: 'For people.' }),
    maxRequestsPerSecond: t.exposeInt('maxRequestsPerSecond', {
      nullable: true,
      description: 'Over all workers; null for no limit.',
    }),
    signatures: t.expose('signatures', {
      type: [SignatureVersionEnum],
      description: 'How its webhooks are signed.',
    }),
    publicKey: t.string({
      nullable: true,
      select: { keyPairs: true },
      description: 'Verifies `v1a` signatures: `whpk_` and base64. Null where V1A was never asked for.',
      resolve: ({ keyPairs }, _args, { clock }) => publicKeysOf(keyPairs, clock.nowMs())[0] ?? null,
    }),
    publicKeys: t.stringList({
      select: { keyPairs: true },
      description: 'The public key, and before their time is over those that it replaced, the newest first.',
      resolve: ({ keyPairs }, _args, { clock }) => publicKeysOf(keyPairs, clock.nowMs()),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'A deleted subscription is seen from its deliveries only.',
    }),
    deliveries: t.prismaConnection(
      {
        type: 'Delivery',
        description: 'Deliveries to this endpoint, newest first.',
        cursor: 'id',
        defaultSize: DEFAULT_LIST_SIZE,
        maxSize: MAX_LIST_SIZE,
        args: {
          filter: t.arg({ type: DeliveryFilter, description: 'Which of them; all when it is absent.' }),
        },
        complexity: connectionComplexity,
        resolve: (query, { id }, page, { related }) => {
          checkPage(page)
          return related.load(id, { by: 'subscriptionId', filter: page.filter, query })
        },
      },
      DeliveryConnection,
      DeliveryEdge,
    ),
  }),
})

const SubscriptionFilter = builder.inputType('SubscriptionFilter', {
  description: 'Every condition that is given must hold.',
  fields: (t) => ({
    isEnabled: t.boolean({ description: 'Takes events, or does not.' }),
    eventType: t.string({ description: 'Wants this type by name.' }),
    endpointUrl: t.string({ description: 'Has exactly this endpoint.' }),
    tenant: t.string({ description: 'Is of this tenant.' }),
    labels: t.field({ type: 'JSONObject', description: 'Has all of these labels.' }),
  }),
})

function subscriptionsWhere(
  filter: typeof SubscriptionFilter.$inferInput | null | undefined,
): Prisma.SubscriptionWhereInput {
  const { isEnabled, eventType, endpointUrl, tenant, labels: given } = filter ?? {}
  return condition<Prisma.SubscriptionWhereInput>({
    isEnabled: isEnabled ?? undefined,
    eventTypes: eventType == null ? undefined : { hasSome: [eventType].filter(isPostgresText) },
    endpointUrl: byText(endpointUrl),
    tenant: byText(tenant),
    labels: given == null ? undefined : { hasEvery: toStoredLabels(parseInput(labels, given)) },
    deletedAt: null,
  })
}

builder.queryField('subscription', (t) =>
  t.prismaField({
    type: 'Subscription',
    nullable: true,
    description: 'A subscription; null when nothing has this id.',
    args: { id: t.arg.id({ required: true, description: 'Of the subscription.' }) },
    resolve: (query, _root, { id }, { database }) =>
      isUuid(id)
        ? database.prisma.subscription.findUnique({ ...query, where: { id, deletedAt: null } })
        : null,
  }),
)

builder.queryField('subscriptions', (t) =>
  t.prismaConnection(
    {
      type: 'Subscription',
      description: 'Subscriptions, newest first.',
      cursor: 'id',
      defaultSize: DEFAULT_LIST_SIZE,
      maxSize: MAX_LIST_SIZE,
      args: {
        filter: t.arg({ type: SubscriptionFilter, description: 'Which of them; all when it is absent.' }),
      },
      complexity: connectionComplexity,
      resolve: (query, _root, page, { database }) => {
        checkPage(page)
        return database.prisma.subscription.findMany({
          ...query,
          where: subscriptionsWhere(page.filter),
          orderBy: { id: 'desc' },
        })
      },
    },
    { name: 'WebhookSubscriptionConnection', description: 'A page of subscriptions.' },
    { name: 'WebhookSubscriptionEdge', description: 'A subscription in a page.' },
  ),
)
