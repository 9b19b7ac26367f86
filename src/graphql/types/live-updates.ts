import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { builder } from '../builder.js'
import { filterComplexity } from '../connection-arguments.js'
import { followerOf, type GraphQLContext } from '../context.js'
import { DeliveryStatusEnum, EventStatusEnum } from '../enums.js'
import { checkIds } from '../ids.js'
import { resumeDeliveries } from '../resume.js'
import { refuseToResume } from '../stream-position.js'
import { Delivery } from './delivery.js'
import { Event } from './event.js'

const CATCH_UP =
  'While many wait, only the newest of each is sent. It shows changes from the moment on at which it begins. To catch ' +
  'up after a break, begin it first and then query '

const NO_RESUMING =
  'has no meaning for `eventUpdated`; subscribe without it, and query `events` for what was missed'

const sameId = (id: string | null | undefined) => (id == null ? undefined : new Set([id.toLowerCase()]))

const oneOfThese = <Value>(values: Value[] | null | undefined) =>
  values == null ? undefined : new Set(values)

builder.subscriptionFields((t) => ({
  deliveryUpdated: t.field({
    type: Delivery,
    description:
      'Every committed change of a delivery’s status, after the commit, whichever process made it; a new ' +
      `delivery is PENDING. ${CATCH_UP}\`deliveries(filter: {updatedAt: {from: …}})\`. Over SSE, the header \`Last-Event-ID\` does that.`,
    args: {
      eventId: t.arg.id({ description: 'Deliveries of this event.' }),
      subscriptionId: t.arg.id({ description: 'Deliveries to this subscription.' }),
      status: t.arg({ type: [DeliveryStatusEnum], description: 'Changes to one of these.' }),
    },
    complexity: (filter) => filterComplexity(filter),
    subscribe: (_root, { eventId, subscriptionId, status }, context) => {
      checkIds({ eventId, subscriptionId })
      const filter = {
        eventId: sameId(eventId),
        subscriptionId: sameId(subscriptionId),
        status: oneOfThese(status),
      }
      const source = context.liveUpdates.follow('deliveries', filter, followerOf(context))
      return resumeDeliveries(context, filter, source, context.reader.position)
    },
    resolve: (delivery, _args, context, info) =>
      completeSnapshot(delivery, context, info, (select) =>
        context.database.prisma.delivery.findUnique({ select, where: { id: delivery.id } }),
      ),
  }),
  eventUpdated: t.field({
    type: Event,
    description:
      'Every committed change of an event’s status, after the commit, whichever process made it. ' +
      `${CATCH_UP}\`events(filter: {createdAt: {from: …}})\`.`,
    args: {
      id: t.arg.id({ description: 'This event.' }),
      type: t.arg.stringList({ description: 'Events of one of these types.' }),
      status: t.arg({ type: [EventStatusEnum], description: 'Changes to one of these.' }),
    },
    complexity: (filter) => filterComplexity(filter),
    subscribe: (_root, { id, type, status }, context) => {
      checkIds({ id })
      refuseToResume(context.reader.position, NO_RESUMING)
      const filter = { id: sameId(id), type: oneOfThese(type), status: oneOfThese(status) }
      return context.liveUpdates.follow('events', filter, followerOf(context))
    },
    resolve: (event, _args, context, info) =>
      completeSnapshot(event, context, info, (select) =>
        context.database.prisma.event.findUnique({ select, where: { id: event.id } }),
      ),
  }),
}))

/**
 * Adds to a snapshot its missing part of the selection: relations and further columns. The columns of the snapshot keep
 * their values, so an update shows its own change, and not a later one.
 */
function completeSnapshot<Snapshot extends object>(
  snapshot: Snapshot,
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  load: (select: Record<string, unknown>) => Promise<object | null>,
): Snapshot | Promise<Snapshot> {
  // Also tells the fields below that the columns are there, and not to be read again.
  const { select = {} }: { select?: object | undefined } = queryFromInfo({ context, info })
  const missing = Object.entries(select).filter(([name]) => !(name in snapshot))
  if (missing.length === 0) return snapshot
  return load(Object.fromEntries(missing)).then((loaded) => ({ ...loaded, ...snapshot }))
}
