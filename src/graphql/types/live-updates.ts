import type { DeliverySnapshot } from '../../model/delivery-snapshot.js'
import type { EventSnapshot } from '../../model/event-snapshot.js'
import { builder } from '../builder.js'
import { DeliveryStatusEnum, EventStatusEnum } from '../enums.js'
import { Delivery } from './delivery.js'
import { Event } from './event.js'

const CATCH_UP =
  'It shows changes from the moment on at which it begins. To catch up after a break, begin it first and then ' +
  'query '

builder.subscriptionFields((t) => ({
  deliveryUpdated: t.field({
    type: Delivery,
    description:
      'Every committed change of a delivery’s status, after the commit, whichever process made it; a new ' +
      `delivery is PENDING. ${CATCH_UP}\`deliveries(filter: {updatedAt: {from: …}})\`.`,
    args: {
      eventId: t.arg.id({ description: 'Deliveries of this event.' }),
      subscriptionId: t.arg.id({ description: 'Deliveries to this subscription.' }),
      status: t.arg({ type: [DeliveryStatusEnum], description: 'Changes to one of these.' }),
    },
    subscribe: (_root, { eventId, subscriptionId, status }, { live }) =>
      live.follow(
        'deliveries',
        (delivery) =>
          (eventId == null || delivery.eventId === eventId.toLowerCase()) &&
          (subscriptionId == null || delivery.subscriptionId === subscriptionId.toLowerCase()) &&
          (status == null || status.includes(delivery.status)),
      ),
    // The snapshot has every column that the type shows; relations are loaded when they are asked for.
    resolve: (delivery) => delivery as DeliverySnapshot as typeof Delivery.$inferType,
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
    subscribe: (_root, { id, type, status }, { live }) =>
      live.follow(
        'events',
        (event) =>
          (id == null || event.id === id.toLowerCase()) &&
          (type == null || type.includes(event.type)) &&
          (status == null || status.includes(event.status)),
      ),
    resolve: (event) => event as EventSnapshot as typeof Event.$inferType,
  }),
}))
