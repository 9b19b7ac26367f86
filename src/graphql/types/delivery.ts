import { cancelDelivery } from '../../deliveries/cancel.js'
import { loadPage } from '../../deliveries/pages.js'
import {
  MAX_RETRY_RESULTS,
  type RetriedEvent,
  type RetryResult,
  retryDelivery,
  retryEvent,
} from '../../deliveries/retry.js'
import { deliverySnapshotSelect } from '../../model/delivery-snapshot.js'
import { isUuid } from '../../platform/uuid.js'
import { builder } from '../builder.js'
import { checkPage, connectionComplexity, DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from '../connection-arguments.js'
import { DeliveryStatusEnum, StatusClassEnum, WaitingForEnum } from '../enums.js'
import { TimeRange } from '../filters.js'
import { Node } from '../node-interface.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'
import { DeliveryLog } from './delivery-log.js'

/** The complexity of a query assumes this number of attempts for each delivery. */
const USUAL_ATTEMPTS = 10

export const Delivery = builder.prismaObject('Delivery', {
  interfaces: [Node],
  description: 'One event to one subscription.',
  // A live update has these columns at hand. Pothos adds any other exposed column.
  select: deliverySnapshotSelect,
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    eventId: t.exposeID('eventId', { description: 'The event that it carries.' }),
    subscriptionId: t.exposeID('subscriptionId', { description: 'The subscription that it goes to.' }),
    status: t.expose('status', { type: DeliveryStatusEnum, description: 'Where it stands.' }),
    attempts: t.exposeInt('attempts', { description: 'Attempts that have finished.' }),
    nextRunAt: t.expose('nextRunAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the next attempt is due; null once SENT or DEAD.',
    }),
    lastError: t.exposeString('lastError', { nullable: true, description: 'Why it is not SENT.' }),
    lastStatusCode: t.exposeInt('lastStatusCode', {
      nullable: true,
      description: "The endpoint's last answer.",
    }),
    waitingFor: t.field({
      type: WaitingForEnum,
      nullable: true,
      select: { id: true, status: true },
      description: 'What holds up an open delivery; null when nothing does.',
      resolve: async (delivery, _args, { waitingFor }) => (await waitingFor.load(delivery)) ?? null,
    }),
    discardedAt: t.expose('discardedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a user discarded it; null unless it is DEAD.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the event was dispatched.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    event: t.relation('event', { description: 'The event that it carries.' }),
    subscription: t.relation('subscription', {
      description: 'The subscription that it goes to, even when that was deleted.',
    }),
    logs: t.field({
      type: [DeliveryLog],
      description: 'One for each attempt, the first one first.',
      select: { id: true },
      resolve: async ({ id }, _args, { logs }) => (await logs.load(id)) ?? [],
      complexity: { field: 1, multiplier: USUAL_ATTEMPTS },
    }),
  }),
})

export const DeliveryFilter = builder.inputType('DeliveryFilter', {
  description: 'Every condition that is given must hold.',
  fields: (t) => ({
    status: t.field({ type: [DeliveryStatusEnum], description: 'One of these.' }),
    eventId: t.id({ description: 'Carries this event.' }),
    subscriptionId: t.id({ description: 'Goes to this subscription.' }),
    tenant: t.string({ description: 'Goes to a subscription of this tenant.' }),
    error: t.string({ description: 'Has this text in `lastError`, in any case.' }),
    statusClass: t.field({ type: [StatusClassEnum], description: 'The last answer was one of these.' }),
    createdAt: t.field({ type: TimeRange, description: 'When the event was dispatched.' }),
    updatedAt: t.field({
      type: TimeRange,
      description: 'When the status last changed: what a live console asks for to catch up.',
    }),
  }),
})

export const DeliveryEdge = builder.edgeObject({
  type: Delivery,
  name: 'DeliveryEdge',
  description: 'A delivery in a page.',
})
export const DeliveryConnection = builder.connectionObject(
  { type: Delivery, name: 'DeliveryConnection', description: 'A page of deliveries.' },
  DeliveryEdge,
)

builder.queryField('delivery', (t) =>
  t.prismaField({
    type: 'Delivery',
    nullable: true,
    description: 'A delivery; null when nothing has this id.',
    args: { id: t.arg.id({ required: true, description: 'Of the delivery.' }) },
    resolve: (query, _root, { id }, { database }) =>
      isUuid(id) ? database.prisma.delivery.findUnique({ ...query, where: { id } }) : null,
  }),
)

builder.queryField('deliveries', (t) =>
  t.prismaConnection(
    {
      type: 'Delivery',
      description: 'Deliveries, newest first.',
      cursor: 'id',
      defaultSize: DEFAULT_LIST_SIZE,
      maxSize: MAX_LIST_SIZE,
      args: { filter: t.arg({ type: DeliveryFilter, description: 'Which of them; all when it is absent.' }) },
      complexity: connectionComplexity,
      resolve: (query, _root, page, { database }) => {
        checkPage(page)
        return loadPage(database, { filter: page.filter, query })
      },
    },
    DeliveryConnection,
    DeliveryEdge,
  ),
)

/** A payload with the delivery after the mutation. */
export const deliveryPayload = (name: string) =>
  builder.objectRef<Outcome<string>>(name).implement({
    description: 'What became of the delivery.',
    fields: (t) => ({
      delivery: t.prismaField({
        type: 'Delivery',
        nullable: true,
        description: 'The delivery as it is now; null when there are errors.',
        resolve: (query, { result: id }, _args, { database }) =>
          id === null ? null : database.prisma.delivery.findUnique({ ...query, where: { id } }),
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const RetryReasonEnum = builder.enumType('RetryReason', {
  description: 'Why a retry does not send a delivery now.',
  values: {
    SUBSCRIPTION_DELETED: { description: 'Not retried: its subscription is deleted.' },
    TEST_EVENT: { description: 'Not retried: its event was sent as a test, once.' },
    EXPIRED: { description: 'Not retried: its event has expired.' },
    ERASED: { description: 'Not retried: the payload of its event was erased.' },
    SUBSCRIPTION_DISABLED: { description: 'Retried, and sent once its subscription is enabled.' },
    ALREADY_PENDING: { description: 'Not retried: it is PENDING.' },
    ALREADY_SENT: { description: 'Not retried: it is SENT.' },
  } satisfies Record<NonNullable<RetryResult['reason']>, object>,
})

const RetryResultType = builder.objectRef<RetryResult>('RetryResult').implement({
  description: 'What a retry made of one delivery.',
  fields: (t) => ({
    deliveryId: t.exposeID('deliveryId', { description: 'The delivery.' }),
    subscriptionId: t.exposeID('subscriptionId', { description: 'The subscription that it goes to.' }),
    isRetried: t.exposeBoolean('isRetried', { description: 'Whether it is retried.' }),
    reason: t.expose('reason', {
      type: RetryReasonEnum,
      nullable: true,
      description: 'Why it is not sent now; null when it is.',
    }),
  }),
})

const RetryEventPayload = builder.objectRef<Outcome<RetriedEvent>>('RetryEventPayload').implement({
  description: 'What became of the deliveries of the event.',
  fields: (t) => ({
    retried: t.int({
      description: 'How many deliveries were FAILED or DEAD and are tried again.',
      resolve: ({ result }) => result?.retried ?? 0,
    }),
    deliveries: t.field({
      type: [RetryResultType],
      description: `At most ${MAX_RETRY_RESULTS}: those of a deleted or disabled subscription, a test or an expired event first, then the others that are retried.`,
      complexity: { field: 1, multiplier: MAX_RETRY_RESULTS },
      resolve: ({ result }) => result?.deliveries ?? [],
    }),
    isTruncated: t.boolean({
      description: 'Whether the event has more deliveries than these.',
      resolve: ({ result }) => result?.isTruncated ?? false,
    }),
    errors: t.expose('errors', userErrors),
  }),
})

builder.mutationFields((t) => ({
  retryDelivery: t.field({
    type: deliveryPayload('RetryDeliveryPayload'),
    description: 'Tries a FAILED or DEAD delivery again at once, with a new budget of attempts.',
    args: { id: t.arg.id({ required: true, description: 'Of the delivery.' }) },
    resolve: (_root, { id }, context) => outcomeOf(() => retryDelivery(context, id).then(() => id)),
  }),
  retryEvent: t.field({
    type: RetryEventPayload,
    description: 'Tries every FAILED or DEAD delivery of an event again.',
    args: { eventId: t.arg.id({ required: true, description: 'Of the event.' }) },
    resolve: (_root, { eventId }, context) => outcomeOf(() => retryEvent(context, eventId)),
  }),
  cancelDelivery: t.field({
    type: deliveryPayload('CancelDeliveryPayload'),
    description: 'Gives up a delivery that waits for its next attempt: it becomes DEAD, and can be retried.',
    args: { id: t.arg.id({ required: true, description: 'Of the delivery.' }) },
    resolve: (_root, { id }, context) => outcomeOf(() => cancelDelivery(context, id).then(() => id)),
  }),
}))
