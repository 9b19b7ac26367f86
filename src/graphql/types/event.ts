import { badInput } from '../../errors.js'
import { cancelEvent } from '../../events/cancel.js'
import { eraseEvent } from '../../events/erase.js'
import { loadEventPage } from '../../events/pages.js'
import { ORDERING_KEY_FORM, toPublication } from '../../events/publication.js'
import type { Published } from '../../events/publish.js'
import { MAX_DAYS_AHEAD } from '../../events/times.js'
import { eventSnapshotSelect } from '../../model/event-snapshot.js'
import { EVENT_TYPE_FORM } from '../../model/event-type.js'
import { fromStoredKey, TENANT_FORM } from '../../model/tenant.js'
import { isUuid } from '../../platform/uuid.js'
import { builder } from '../builder.js'
import { checkPage, connectionComplexity, DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from '../connection-arguments.js'
import type { GraphQLContext } from '../context.js'
import { EventStatusEnum } from '../enums.js'
import { TimeRange } from '../filters.js'
import { Node } from '../node-interface.js'
import type { Payload as LoadedPayload } from '../payloads.js'
import { takesScope } from '../scopes.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'
import { DeliveryConnection, DeliveryEdge, DeliveryFilter } from './delivery.js'

export const Event = builder.prismaObject('Event', {
  interfaces: [Node],
  description: 'What a producer published.',
  // A live update has these columns at hand. The payload may be large, so a query reads it only on request.
  select: eventSnapshotSelect,
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7; the `webhook-id` of every attempt.' }),
    type: t.exposeString('type', { description: 'Such as `user.created`.' }),
    payload: t.field({
      type: Payload,
      description: 'What was published.',
      select: { id: true },
      async resolve({ id }, _args, { payloads }) {
        const payload = await payloads.load(id)
        // Retention may have removed the event meanwhile.
        if (payload === undefined) throw new Error(`the payload of the event ${id} is gone`)
        return payload
      },
    }),
    tenant: t.exposeString('tenant', {
      nullable: true,
      description: "Whose it is; null for the operator's own.",
    }),
    status: t.expose('status', { type: EventStatusEnum, description: 'What became of it.' }),
    idempotencyKey: t.string({
      nullable: true,
      select: { idempotencyKey: true },
      resolve: ({ idempotencyKey }) => fromStoredKey(idempotencyKey),
      description: 'What the producer gave so that it is published once.',
    }),
    isTest: t.exposeBoolean('isTest', { description: 'Whether it was sent by `sendTestEvent`.' }),
    deliverAt: t.expose('deliverAt', {
      type: 'DateTime',
      nullable: true,
      description: 'As published: when it is dispatched; null for at once.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'As published: from when on no attempt is made; null for never.',
    }),
    erasedAt: t.expose('erasedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its payload was erased: `data` is `{}` since then. Null for an event that has it.',
    }),
    orderingKey: t.exposeString('orderingKey', {
      nullable: true,
      description: 'Ordered subscriptions get the events of one key in their order; null for in no order.',
    }),
    deliveryCount: t.int({
      select: { id: true, deliveryCount: true },
      description: 'How many subscriptions wanted it; for an API key of a tenant, how many of its own.',
      resolve: async (event, _args, { database, deliveryCounts }) =>
        database.tenant === null ? event.deliveryCount : ((await deliveryCounts.load(event)) ?? 0),
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: "The producer's own time, or that of acceptance.",
    }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When its status last changed.' }),
    deliveries: t.prismaConnection(
      {
        type: 'Delivery',
        description: 'One for each subscription that wanted it, newest first.',
        cursor: 'id',
        defaultSize: DEFAULT_LIST_SIZE,
        maxSize: MAX_LIST_SIZE,
        args: {
          filter: t.arg({ type: DeliveryFilter, description: 'Which of them; all when it is absent.' }),
        },
        complexity: connectionComplexity,
        resolve: (query, { id }, page, { related }) => {
          checkPage(page)
          return related.load(id, { by: 'eventId', filter: page.filter, query })
        },
      },
      DeliveryConnection,
      DeliveryEdge,
    ),
  }),
})

const Payload = builder.objectRef<LoadedPayload>('EventPayload').implement({
  description: 'What was published.',
  fields: (t) => ({
    data: t.field({ type: 'JSONObject', description: 'What happened.', resolve: ({ data }) => data() }),
    metadata: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'What the producer said about it besides.',
      resolve: ({ metadata }) => metadata(),
    }),
    json: t.string({
      description:
        'The text as published, `{"data": …, "metadata": …}`. Integers beyond 2^53 are exact in it; in `data` and ' +
        '`metadata` they are rounded to doubles.',
      resolve: ({ json }) => json(),
    }),
  }),
})

const EventFilter = builder.inputType('EventFilter', {
  description: 'Every condition that is given must hold.',
  fields: (t) => ({
    status: t.field({ type: [EventStatusEnum], description: 'One of these.' }),
    type: t.stringList({ description: 'One of these.' }),
    tenant: t.string({ description: 'Is of this tenant.' }),
    idempotencyKey: t.string({
      description: 'Was published with this key: by `tenant`, or without it, for no tenant.',
    }),
    subscriptionId: t.id({ description: 'Has a delivery to this subscription.' }),
    createdAt: t.field({ type: TimeRange, description: "The producer's own time, or that of acceptance." }),
  }),
})

builder.queryField('event', (t) =>
  t.prismaField({
    type: 'Event',
    nullable: true,
    description: 'An event; null when nothing has this id.',
    args: { id: t.arg.id({ required: true, description: 'Of the event.' }) },
    resolve: (query, _root, { id }, { database }) =>
      isUuid(id) ? database.prisma.event.findUnique({ ...query, where: { id } }) : null,
  }),
)

builder.queryField('events', (t) =>
  t.prismaConnection(
    {
      type: 'Event',
      description: 'Events, newest first.',
      cursor: 'id',
      defaultSize: DEFAULT_LIST_SIZE,
      maxSize: MAX_LIST_SIZE,
      args: { filter: t.arg({ type: EventFilter, description: 'Which of them; all when it is absent.' }) },
      complexity: connectionComplexity,
      resolve: (query, _root, page, { database }) => {
        checkPage(page)
        return loadEventPage(database, { filter: page.filter, query })
      },
    },
    { name: 'EventConnection', description: 'A page of events.' },
    { name: 'EventEdge', description: 'An event in a page.' },
  ),
)

const PublishEventInput = builder.inputType('PublishEventInput', {
  description: 'An event to publish.',
  fields: (t) => ({
    type: t.string({ required: true, description: `${EVENT_TYPE_FORM}.` }),
    tenant: t.string({ description: `Whose event it is: ${TENANT_FORM}.` }),
    data: t.field({ type: 'JSONObject', required: true, description: 'What happened.' }),
    metadata: t.field({ type: 'JSONObject', description: 'What there is to say about it besides.' }),
    createdAt: t.field({ type: 'DateTime', description: "The producer's own time of the event." }),
    deliverAt: t.field({
      type: 'DateTime',
      description: `Delivered no earlier; at most ${MAX_DAYS_AHEAD} days ahead. A time that is over: at once.`,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'No attempt is made from then on. After `deliverAt`, and in the future.',
    }),
    orderingKey: t.string({ description: ORDERING_KEY_FORM }),
    idempotencyKey: t.string({
      description: 'The same key with the same content publishes once, however often it is sent.',
    }),
  }),
})

const PublishEventPayload = builder.objectRef<Outcome<Published>>('PublishEventPayload').implement({
  description: 'The event is committed when this answer is given.',
  fields: (t) => ({
    event: t.prismaField({
      type: 'Event',
      nullable: true,
      description: 'The event, or the first one of the same idempotency key; null when there are errors.',
      resolve: (query, { result }, _args, { database }) =>
        result && database.prisma.event.findUnique({ ...query, where: { id: result.eventId } }),
    }),
    deduplicated: t.boolean({
      description: 'Whether an earlier event with the same key and content answers for this one.',
      resolve: ({ result }) => result?.deduplicated ?? false,
    }),
    errors: t.expose('errors', userErrors),
  }),
})

/** The answer of a mutation that changes a stored event. */
const changedEventPayload = (name: string) =>
  builder.objectRef<Outcome<{ id: string }>>(name).implement({
    description: 'What became of the event.',
    fields: (t) => ({
      event: t.prismaField({
        type: 'Event',
        nullable: true,
        description: 'The event as it is now; null when there are errors.',
        resolve: (query, { result }, _args, { database }) =>
          result && database.prisma.event.findUnique({ ...query, where: { id: result.id } }),
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const CancelEventPayload = changedEventPayload('CancelEventPayload')
const EraseEventPayload = changedEventPayload('EraseEventPayload')

const MAX_PUBLISHED_AT_ONCE = 100

type EventInput = typeof PublishEventInput.$inferInput

/**
 * Publishes each event by itself, in order. It refuses an oversized event before it publishes any event. It does so as
 * REST refuses a body: with an error, and not as a part of the answer.
 */
async function publish({ publisher, eventMaxBytes, apiKey }: GraphQLContext, inputs: EventInput[]) {
  const read = inputs.map((input) => outcomeOf(async () => toPublication(input, eventMaxBytes, apiKey)))
  const publications = await Promise.all(read)
  return publications.map(({ result, errors }) =>
    result === null ? { result, errors } : outcomeOf(() => publisher.publish(result)),
  )
}

builder.mutationFields((t) => ({
  publishEvent: t.field({
    type: PublishEventPayload,
    extensions: takesScope('publish'),
    description: 'Publishes an event to every enabled subscription that wants its type.',
    args: { input: t.arg({ type: PublishEventInput, required: true, description: 'The event.' }) },
    resolve: async (_root, { input }, context) =>
      (await publish(context, [input]))[0] as Promise<Outcome<Published>>,
  }),
  publishEvents: t.field({
    type: [PublishEventPayload],
    extensions: takesScope('publish'),
    description: `Publishes up to ${MAX_PUBLISHED_AT_ONCE} events, each by itself; one answer for each, in order.`,
    args: { inputs: t.arg({ type: [PublishEventInput], required: true, description: 'The events.' }) },
    complexity: ({ inputs }) => ({ field: 1, multiplier: Math.max(1, inputs.length) }),
    resolve: async (_root, { inputs }, context) => {
      if (inputs.length > MAX_PUBLISHED_AT_ONCE) {
        throw badInput([{ path: 'inputs', message: `must hold at most ${MAX_PUBLISHED_AT_ONCE} events` }])
      }
      return Promise.all(await publish(context, inputs))
    },
  }),
  cancelEvent: t.field({
    type: CancelEventPayload,
    description: 'Cancels an event that is SCHEDULED: it is never delivered. Once more is no error.',
    args: { id: t.arg.id({ required: true, description: 'Of the event.' }) },
    resolve: (_root, { id }, context) => outcomeOf(() => cancelEvent(context, id)),
  }),
  eraseEvent: t.field({
    type: EraseEventPayload,
    description:
      'Erases the payload of an event that has no open delivery, with all that its attempts kept of it. Its history ' +
      'stays. Once more is no error.',
    args: { id: t.arg.id({ required: true, description: 'Of the event.' }) },
    resolve: (_root, { id }, context) => outcomeOf(() => eraseEvent(context, id)),
  }),
}))
