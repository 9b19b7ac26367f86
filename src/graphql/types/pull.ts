/** How a consumer takes deliveries by watching a feed, and what it says of each. */

import { z } from 'zod'
import { parseInput } from '../../platform/input-errors.js'
import {
  acknowledgeDelivery,
  acknowledgement,
  answerForms,
  extendDelivery,
  extension,
  rejectDelivery,
  rejection,
} from '../../pull/answer.js'
import { checkFeed } from '../../pull/feed.js'
import type { PulledDelivery } from '../../pull/lease.js'
import { watchFeed } from '../../pull/watch-feed.js'
import { builder } from '../builder.js'
import { followerOf } from '../context.js'
import { checkIds } from '../ids.js'
import { PayloadJson } from '../payload-json.js'
import { takesScope } from '../scopes.js'
import { refuseToResume } from '../stream-position.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'
import { deliveryPayload } from './delivery.js'

const ExtendDeliveryPayload = builder
  .objectRef<Outcome<{ leaseEndsAt: Date }>>('ExtendDeliveryPayload')
  .implement({
    description: 'How long the consumer keeps the delivery.',
    fields: (t) => ({
      leaseEndsAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'An answer counts until then; null when there are errors.',
        resolve: ({ result }) => result?.leaseEndsAt ?? null,
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const DEFAULT_IN_FLIGHT = 1
const MAX_IN_FLIGHT = 100

const watchInput = z.object({
  maxInFlight: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(MAX_IN_FLIGHT, `must be at most ${MAX_IN_FLIGHT}`)
    .nullish(),
})

const PulledWebhook = builder.objectRef<PulledDelivery['webhook']>('PulledWebhook').implement({
  description: 'What an endpoint would have been sent. It is verified in the same way.',
  fields: (t) => ({
    headers: t.field({
      type: 'JSONObject',
      description: 'By name, in lower case.',
      resolve: ({ headers }) => new PayloadJson(headers),
    }),
    body: t.exposeString('body', { description: 'What is signed.' }),
  }),
})

const PulledDeliveryType = builder.objectRef<PulledDelivery>('PulledDelivery').implement({
  description: 'A delivery that the consumer has until `leaseEndsAt`.',
  fields: (t) => ({
    deliveryId: t.exposeID('deliveryId', { description: 'By which it is answered.' }),
    eventId: t.exposeID('eventId', { description: 'The same on every attempt.' }),
    attempt: t.exposeInt('attempt', { description: 'By which it is answered, beside the id.' }),
    leaseEndsAt: t.expose('leaseEndsAt', { type: 'DateTime', description: 'An answer counts until then.' }),
    webhook: t.expose('webhook', { type: PulledWebhook, description: 'What to work on.' }),
  }),
})

const NO_RESUMING = 'has no meaning for `deliveryFeed`: what was not answered comes again'

builder.subscriptionField('deliveryFeed', (t) =>
  t.field({
    type: PulledDeliveryType,
    extensions: takesScope('consume'),
    description:
      'The deliveries of a subscription of kind PULL, one after the other as they become due: never more than ' +
      '`maxInFlight` that are not answered. Each goes to one consumer at a time.',
    args: {
      subscriptionId: t.arg.id({ required: true, description: 'Of kind PULL.' }),
      maxInFlight: t.arg.int({
        description: `1 to ${MAX_IN_FLIGHT}; ${DEFAULT_IN_FLIGHT} when it is absent.`,
      }),
    },
    subscribe: async (_root, { subscriptionId, ...input }, context) => {
      checkIds({ subscriptionId })
      refuseToResume(context.reader.position, NO_RESUMING)
      const maxInFlight = parseInput(watchInput, input).maxInFlight ?? DEFAULT_IN_FLIGHT
      await checkFeed(context.database, subscriptionId)
      return context.liveUpdates.followAlone<PulledDelivery>(
        {
          open: (push) => ({
            listening: Promise.resolve(),
            ...watchFeed(context, { subscriptionId: subscriptionId.toLowerCase(), maxInFlight, push }),
          }),
          rowOf: ({ deliveryId, leaseEndsAt }) => ({ id: deliveryId, updatedAt: leaseEndsAt }),
        },
        followerOf(context),
      )
    },
    resolve: (delivery) => delivery,
  }),
)

const ID = 'Of the delivery.'

builder.mutationFields((t) => ({
  acknowledgeDelivery: t.field({
    type: deliveryPayload('AcknowledgeDeliveryPayload'),
    extensions: takesScope('consume'),
    description: 'Acknowledges a delivery that was taken from a feed: it is SENT. Once more changes nothing.',
    args: {
      id: t.arg.id({ required: true, description: ID }),
      attempt: t.arg.int({ required: true, description: answerForms.attempt }),
    },
    resolve: (_root, { id, ...input }, context) =>
      outcomeOf(async () => {
        await acknowledgeDelivery(context, id, parseInput(acknowledgement, input).attempt)
        return id
      }),
  }),
  rejectDelivery: t.field({
    type: deliveryPayload('RejectDeliveryPayload'),
    extensions: takesScope('consume'),
    description:
      'Rejects a delivery that was taken from a feed: its attempt has failed, and it is retried or DEAD.',
    args: {
      id: t.arg.id({ required: true, description: ID }),
      attempt: t.arg.int({ required: true, description: answerForms.attempt }),
      error: t.arg.string({ description: answerForms.error }),
    },
    resolve: (_root, { id, ...input }, context) =>
      outcomeOf(async () => {
        await rejectDelivery(context, id, parseInput(rejection, input))
        return id
      }),
  }),
  extendDelivery: t.field({
    type: ExtendDeliveryPayload,
    extensions: takesScope('consume'),
    description: 'Keeps a delivery that was taken from a feed for longer.',
    args: {
      id: t.arg.id({ required: true, description: ID }),
      attempt: t.arg.int({ required: true, description: answerForms.attempt }),
      seconds: t.arg.int({ required: true, description: answerForms.seconds }),
    },
    resolve: (_root, { id, ...input }, context) =>
      outcomeOf(async () => extendDelivery(context, id, parseInput(extension, input))),
  }),
}))
