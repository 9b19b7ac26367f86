/** What a consumer says of a delivery that it has taken. */

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
import { builder } from '../builder.js'
import { takesScope } from '../scopes.js'
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
