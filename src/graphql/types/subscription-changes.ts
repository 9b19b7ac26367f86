/** What is done to subscriptions: created, changed, given another secret, deleted. */
import { parseInput } from '../../platform/input-errors.js'
import { createSubscription } from '../../subscriptions/create.js'
import { deleteSubscription } from '../../subscriptions/delete.js'
import { rotateSecret } from '../../subscriptions/rotate-secret.js'
import {
  inputForms,
  secretRotation,
  subscriptionBody,
  subscriptionChanges,
} from '../../subscriptions/subscription.js'
import { updateSubscription } from '../../subscriptions/update.js'
import { builder } from '../builder.js'
import { SignatureVersionEnum, SubscriptionKindEnum } from '../enums.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'
import { policyInputs } from './delivery-policy.js'

const CreateSubscriptionInput = builder.inputType('CreateSubscriptionInput', {
  description: 'A subscription to create.',
  fields: (t) => ({
    kind: t.field({ type: SubscriptionKindEnum, description: inputForms.kind }),
    endpointUrl: t.string({ description: inputForms.endpointUrl }),
    eventTypes: t.stringList({ required: true, description: inputForms.eventTypes }),
    tenant: t.string({ description: inputForms.tenant }),
    filter: t.string({ description: inputForms.filter }),
    secret: t.string({ description: `${inputForms.secret} Generated when it is absent.` }),
    description: t.string({ description: inputForms.description }),
    isEnabled: t.boolean({ description: 'True when it is absent.' }),
    maxRequestsPerSecond: t.int({
      description: inputForms.maxRequestsPerSecond,
    }),
    isOrdered: t.boolean({ description: `${inputForms.isOrdered} False when it is absent.` }),
    ...policyInputs(t),
    signatures: t.field({
      type: [SignatureVersionEnum],
      description: `${inputForms.signatures} \`[V1]\` when it is absent.`,
    }),
  }),
})

const UpdateSubscriptionInput = builder.inputType('UpdateSubscriptionInput', {
  description:
    'What is absent stays as it is. Null removes what a subscription can be without, and counts as absent elsewhere.',
  fields: (t) => ({
    endpointUrl: t.string({ description: inputForms.endpointUrl }),
    eventTypes: t.stringList({ description: inputForms.eventTypes }),
    filter: t.string({ description: `${inputForms.filter} Null removes it.` }),
    secret: t.string({
      description: `${inputForms.secret} Each replaced secret signs beside the new one for its own 24 hours.`,
    }),
    description: t.string({ description: `${inputForms.description} Null removes it.` }),
    isEnabled: t.boolean({ description: 'Whether it takes events.' }),
    maxRequestsPerSecond: t.int({ description: inputForms.maxRequestsPerSecond }),
    isOrdered: t.boolean({ description: inputForms.isOrdered }),
    ...policyInputs(t),
    signatures: t.field({ type: [SignatureVersionEnum], description: inputForms.signatures }),
  }),
})

/** A payload with the subscription after the mutation. */
const subscriptionPayload = (name: string) =>
  builder.objectRef<Outcome<{ id: string; secret?: string }>>(name).implement({
    description: 'What became of the subscription.',
    fields: (t) => ({
      subscription: t.prismaField({
        type: 'Subscription',
        nullable: true,
        description: 'The subscription as it is now; null when there are errors.',
        resolve: (query, { result }, _args, { database }) =>
          result && database.prisma.subscription.findUnique({ ...query, where: { id: result.id } }),
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const CreateSubscriptionPayload = subscriptionPayload('CreateSubscriptionPayload')
const RotateSecretPayload = subscriptionPayload('RotateSecretPayload')
for (const payload of [CreateSubscriptionPayload, RotateSecretPayload]) {
  builder.objectField(payload, 'secret', (t) =>
    t.string({
      nullable: true,
      description: 'What its webhooks are signed with. Keep it: it is not shown again.',
      resolve: ({ result }) => result?.secret ?? null,
    }),
  )
}

const DeleteSubscriptionPayload = builder.objectRef<Outcome<string>>('DeleteSubscriptionPayload').implement({
  description: 'What became of the subscription.',
  fields: (t) => ({
    deletedId: t.id({
      nullable: true,
      resolve: ({ result }) => result,
      description: 'Null when there are errors.',
    }),
    errors: t.expose('errors', userErrors),
  }),
})

builder.mutationFields((t) => ({
  createSubscription: t.field({
    type: CreateSubscriptionPayload,
    description: 'Subscribes an endpoint to event types.',
    args: { input: t.arg({ type: CreateSubscriptionInput, required: true, description: 'What to create.' }) },
    resolve: (_root, { input }, context) =>
      outcomeOf(async () => createSubscription(context, parseInput(subscriptionBody, { ...input }))),
  }),
  updateSubscription: t.field({
    type: subscriptionPayload('UpdateSubscriptionPayload'),
    description: 'Changes a subscription.',
    args: {
      id: t.arg.id({ required: true, description: 'Of the subscription.' }),
      input: t.arg({ type: UpdateSubscriptionInput, required: true, description: 'What to change.' }),
    },
    resolve: (_root, { id, input }, context) =>
      outcomeOf(async () => updateSubscription(context, id, parseInput(subscriptionChanges, { ...input }))),
  }),
  rotateSecret: t.field({
    type: RotateSecretPayload,
    description:
      'Replaces the secret of a subscription by a new one. The former one signs beside it for a while. A key pair is replaced likewise.',
    args: {
      id: t.arg.id({ required: true, description: 'Of the subscription.' }),
      overlapHours: t.arg.int({ description: inputForms.overlapHours }),
    },
    resolve: (_root, { id, ...rotation }, context) =>
      outcomeOf(async () => rotateSecret(context, id, parseInput(secretRotation, rotation))),
  }),
  enableSubscription: t.field({
    type: subscriptionPayload('EnableSubscriptionPayload'),
    description: 'Enables a subscription: what waited for it goes on.',
    args: { id: t.arg.id({ required: true, description: 'Of the subscription.' }) },
    resolve: (_root, { id }, context) =>
      outcomeOf(() => updateSubscription(context, id, { isEnabled: true })),
  }),
  disableSubscription: t.field({
    type: subscriptionPayload('DisableSubscriptionPayload'),
    description: 'Disables a subscription: it takes no more events, and what waits for it stays as it is.',
    args: { id: t.arg.id({ required: true, description: 'Of the subscription.' }) },
    resolve: (_root, { id }, context) =>
      outcomeOf(() => updateSubscription(context, id, { isEnabled: false })),
  }),
  deleteSubscription: t.field({
    type: DeleteSubscriptionPayload,
    description:
      'Deletes a subscription. What waits for it becomes DEAD; the history of its deliveries stays.',
    args: { id: t.arg.id({ required: true, description: 'Of the subscription.' }) },
    resolve: (_root, { id }, context) => outcomeOf(() => deleteSubscription(context, id).then(() => id)),
  }),
}))
