/** The service's operations as functions. They throw its refusals as ClientError, so their results need no check. */
import { ClientError, type ServiceErrorItem } from './client-errors.js'
import * as documents from './generated/graphql.js'
import { request, type Transport } from './transport.js'

export type Operations = ReturnType<typeof createOperations>

export function createOperations(transport: Transport) {
  return {
    /** Resolves once the event is committed; with the earlier event of the same idempotency key, if there is one. */
    async publishEvent(input: documents.PublishEventInput) {
      const { publishEvent } = await request(transport, documents.PublishEventDocument, { input })
      return { event: present(publishEvent, 'event'), deduplicated: publishEvent.deduplicated }
    },

    /**
     * Takes up to 100 events, each by itself. Returns a payload for each, in order; `errors` says why one is refused.
     */
    async publishEvents(inputs: documents.PublishEventInput[]) {
      return (await request(transport, documents.PublishEventsDocument, { inputs })).publishEvents
    },

    /** With its payload; null when there is no such event. */
    async event(id: string) {
      return (await request(transport, documents.EventDocument, { id })).event
    },

    /** A page, newest first. */
    async events(page: documents.EventsQueryVariables = {}) {
      return pageOf((await request(transport, documents.EventsDocument, page)).events)
    },

    /** Cancels an event that is SCHEDULED. */
    async cancelEvent(id: string) {
      const { cancelEvent } = await request(transport, documents.CancelEventDocument, { id })
      return present(cancelEvent, 'event')
    },

    /** Erases the payload of an event that has no open delivery. */
    async eraseEvent(id: string) {
      const { eraseEvent } = await request(transport, documents.EraseEventDocument, { id })
      return present(eraseEvent, 'event')
    },

    /** Tries every FAILED or DEAD delivery of an event again; resolves with their number. */
    async retryEvent(eventId: string) {
      const { retryEvent } = await request(transport, documents.RetryEventDocument, { eventId })
      throwErrors(retryEvent.errors)
      return retryEvent.retried
    },

    /** With the log of its attempts; null when there is no such delivery. */
    async delivery(id: string) {
      return (await request(transport, documents.DeliveryDocument, { id })).delivery
    },

    /** Its attempts with what was sent and answered, the first one first; none when there is no such delivery. */
    async deliveryAttempts(id: string) {
      const { delivery } = await request(transport, documents.DeliveryAttemptsDocument, { id })
      return delivery?.logs ?? []
    },

    /** A page, newest first. */
    async deliveries(page: documents.DeliveriesQueryVariables = {}) {
      return pageOf((await request(transport, documents.DeliveriesDocument, page)).deliveries)
    },

    /** Tries a FAILED or DEAD delivery again at once, with a new budget of attempts. */
    async retryDelivery(id: string) {
      const { retryDelivery } = await request(transport, documents.RetryDeliveryDocument, { id })
      return present(retryDelivery, 'delivery')
    },

    /** Cancels a delivery before its next attempt. */
    async cancelDelivery(id: string) {
      const { cancelDelivery } = await request(transport, documents.CancelDeliveryDocument, { id })
      return present(cancelDelivery, 'delivery')
    },

    /** Only this answer has the secret. */
    async createSubscription(input: documents.CreateSubscriptionInput) {
      const { createSubscription } = await request(transport, documents.CreateSubscriptionDocument, { input })
      const subscription = present(createSubscription, 'subscription')
      return { subscription, secret: present(createSubscription, 'secret') }
    },

    /** Null when there is no such subscription. */
    async subscription(id: string) {
      return (await request(transport, documents.SubscriptionDocument, { id })).subscription
    },

    /** A page, newest first. */
    async subscriptions(page: documents.SubscriptionsQueryVariables = {}) {
      return pageOf((await request(transport, documents.SubscriptionsDocument, page)).subscriptions)
    },

    /** Also enables and disables it. */
    async updateSubscription(id: string, input: documents.UpdateSubscriptionInput) {
      const variables = { id, input }
      const { updateSubscription } = await request(transport, documents.UpdateSubscriptionDocument, variables)
      return present(updateSubscription, 'subscription')
    },

    /** Only this answer has the new secret; the former one signs beside it for 24 hours unless given. */
    async rotateSecret(id: string, overlapHours?: number) {
      const variables = { id, overlapHours }
      const { rotateSecret } = await request(transport, documents.RotateSecretDocument, variables)
      const subscription = present(rotateSecret, 'subscription')
      return { subscription, secret: present(rotateSecret, 'secret') }
    },

    /** Sends an event to one subscription, once. Returns the attempt with its answer, also when it failed. */
    async sendTestEvent(
      subscriptionId: string,
      { type, data }: Pick<documents.PublishEventInput, 'type' | 'data'>,
    ) {
      const variables = { subscriptionId, type, data }
      return present(
        (await request(transport, documents.SendTestEventDocument, variables)).sendTestEvent,
        'log',
      )
    },

    /** Whether a filter would let an event through, one that is stored or one that is given. */
    async previewFilter(filter: string, of: Omit<documents.PreviewFilterQueryVariables, 'filter'>) {
      return (await request(transport, documents.PreviewFilterDocument, { filter, ...of })).previewFilter
    },

    /** Its waiting deliveries become DEAD. */
    async deleteSubscription(id: string): Promise<void> {
      const { deleteSubscription } = await request(transport, documents.DeleteSubscriptionDocument, { id })
      throwErrors(deleteSubscription.errors)
    },

    async stats() {
      return (await request(transport, documents.StatsDocument, {})).stats
    },

    /** Attempts and response times by minute, hour or day. */
    async deliveryMetrics(variables: documents.DeliveryMetricsQueryVariables) {
      return (await request(transport, documents.DeliveryMetricsDocument, variables)).deliveryMetrics
    },
  }
}

interface Payload {
  errors: ServiceErrorItem[]
}

/** Returns the named member of a payload without errors. @throws ClientError */
function present<Given extends Payload, Name extends keyof Given>(
  payload: Given,
  name: Name,
): NonNullable<Given[Name]> {
  throwErrors(payload.errors)
  const value = payload[name]
  if (value == null) {
    const message = `The answer has neither errors nor ${String(name)}.`
    throw new ClientError([{ code: 'BAD_RESPONSE', message }])
  }
  return value
}

function throwErrors(errors: ServiceErrorItem[]): void {
  if (errors.length > 0) throw new ClientError(errors)
}

function pageOf<Node, PageInfo>({ edges, pageInfo }: { edges: { node: Node }[]; pageInfo: PageInfo }) {
  return { items: edges.map(({ node }) => node), pageInfo }
}
