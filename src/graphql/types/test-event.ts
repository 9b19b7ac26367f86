import { type SentTestEvent, toTestEvent } from '../../events/test-event.js'
import { EVENT_TYPE_FORM } from '../../model/event-type.js'
import { builder } from '../builder.js'
import { showsWhole } from '../scopes.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'
import { DeliveryLog } from './delivery-log.js'

const SendTestEventPayload = builder.objectRef<Outcome<SentTestEvent>>('SendTestEventPayload').implement({
  description: 'What was sent, and what came of it.',
  fields: (t) => ({
    log: t.field({
      type: DeliveryLog,
      nullable: true,
      description: 'The attempt, also when it failed; null when there are errors, and then nothing was sent.',
      complexity: { field: 1, multiplier: 1 },
      resolve: async ({ result }, _args, { logs }) =>
        (result && (await logs.load(result.deliveryId))?.[0]) ?? null,
    }),
    event: t.prismaField({
      type: 'Event',
      nullable: true,
      description: 'The event as it is stored; null when there are errors.',
      resolve: (query, { result }, _args, { database }) =>
        result && database.prisma.event.findUnique({ ...query, where: { id: result.eventId } }),
    }),
    delivery: t.prismaField({
      type: 'Delivery',
      nullable: true,
      description: 'Its only delivery, which is SENT or DEAD; null when there are errors.',
      resolve: (query, { result }, _args, { database }) =>
        result && database.prisma.delivery.findUnique({ ...query, where: { id: result.deliveryId } }),
    }),
    errors: t.expose('errors', userErrors),
  }),
})

builder.mutationField('sendTestEvent', (t) =>
  t.field({
    type: SendTestEventPayload,
    extensions: showsWhole('log'),
    description:
      'Delivers an event once, now and without a retry, to one subscription: whatever its types and its filter, and ' +
      'also while it is disabled. Answers once the exchange has ended.',
    args: {
      subscriptionId: t.arg.id({ required: true, description: 'Where it goes.' }),
      type: t.arg.string({ required: true, description: `${EVENT_TYPE_FORM}.` }),
      data: t.arg({ type: 'JSONObject', required: true, description: 'What happened.' }),
    },
    resolve: (_root, { subscriptionId, type, data }, { testEvents, eventMaxBytes, apiKey }) =>
      outcomeOf(async () =>
        testEvents.send(apiKey, subscriptionId, toTestEvent({ type, data }, eventMaxBytes)),
      ),
  }),
)
