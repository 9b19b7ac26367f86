import type { StatusClass } from '../deliveries/failures.js'
import type { WaitingFor } from '../deliveries/waiting-for.js'
import {
  DeliveryStatus,
  DisabledReason,
  EventStatus,
  SignatureVersion,
  SubscriptionKind,
  WebhookFormat,
} from '../generated/prisma/enums.js'
import { builder } from './builder.js'

export const EventStatusEnum = builder.enumType('EventStatus', {
  description: 'What became of an event; it follows from its deliveries.',
  values: {
    PENDING: { value: EventStatus.PENDING, description: 'Accepted, not dispatched.' },
    PROCESSING: { value: EventStatus.PROCESSING, description: 'Some delivery is PENDING or FAILED.' },
    DELIVERED: { value: EventStatus.DELIVERED, description: 'All deliveries are SENT.' },
    PARTIALLY_DELIVERED: {
      value: EventStatus.PARTIALLY_DELIVERED,
      description: 'All deliveries are finished, some SENT, some DEAD.',
    },
    DEAD: { value: EventStatus.DEAD, description: 'All deliveries are DEAD.' },
    UNMATCHED: { value: EventStatus.UNMATCHED, description: 'No enabled subscription wanted it.' },
    SCHEDULED: { value: EventStatus.SCHEDULED, description: 'Waits for its `deliverAt`.' },
    CANCELLED: { value: EventStatus.CANCELLED, description: 'Cancelled before its `deliverAt`.' },
  },
})

export const DeliveryStatusEnum = builder.enumType('DeliveryStatus', {
  description: 'Where a delivery stands.',
  values: {
    PENDING: {
      value: DeliveryStatus.PENDING,
      description: 'No attempt has finished yet, or a retry was asked for.',
    },
    SENT: { value: DeliveryStatus.SENT, description: 'Answered with 2xx.' },
    FAILED: { value: DeliveryStatus.FAILED, description: 'The last attempt failed, another is scheduled.' },
    DEAD: { value: DeliveryStatus.DEAD, description: 'Given up: the dead-letter queue.' },
  },
})

export const StatusClassEnum = builder.enumType('StatusClass', {
  description: 'What the status code of an answer begins with.',
  values: {
    HTTP_2XX: { description: 'Success.' },
    HTTP_3XX: { description: 'A redirect, which is never followed.' },
    HTTP_4XX: { description: 'The endpoint refused the request.' },
    HTTP_5XX: { description: 'The endpoint failed.' },
    NONE: { description: 'There was no answer.' },
  } satisfies Record<StatusClass, object>,
})

export const WaitingForEnum = builder.enumType('WaitingFor', {
  description: 'What holds up an open delivery.',
  values: {
    BREAKER: { description: 'Its endpoint fails, and is paused until a probe succeeds.' },
    DISABLED: { description: 'Its subscription is disabled.' },
    RATE_LIMIT: { description: 'The rate or the requests in flight of its subscription are used up.' },
    ORDER: { description: 'An earlier delivery of its ordering key is not finished.' },
    SCHEDULE: { description: 'The wait after a failure is not over.' },
  } satisfies Record<WaitingFor, object>,
})

export const DisabledReasonEnum = builder.enumType('DisabledReason', {
  description: 'Why a subscription is disabled.',
  values: {
    MANUAL: { value: DisabledReason.MANUAL, description: 'By a user.' },
    GONE: { value: DisabledReason.GONE, description: 'Its endpoint answered 410.' },
    FAILING: { value: DisabledReason.FAILING, description: 'Its endpoint failed for `DISABLE_AFTER_DAYS`.' },
  },
})

export const SubscriptionKindEnum = builder.enumType('SubscriptionKind', {
  description: 'How the deliveries of a subscription reach its consumer.',
  values: {
    WEBHOOK: { value: SubscriptionKind.WEBHOOK, description: 'The service posts them to its endpoint.' },
    PULL: { value: SubscriptionKind.PULL, description: 'The consumer takes them from its feed.' },
  },
})

export const SignatureVersionEnum = builder.enumType('SignatureVersion', {
  description: 'How webhooks are signed: the schemes of Standard Webhooks.',
  values: {
    V1: { value: SignatureVersion.V1, description: 'HMAC-SHA256, with the secret.' },
    V1A: { value: SignatureVersion.V1A, description: 'Ed25519, with a key pair.' },
  },
})

export const WebhookFormatEnum = builder.enumType('WebhookFormat', {
  description: 'What webhooks look like.',
  values: {
    STANDARD: { value: WebhookFormat.STANDARD, description: "The service's own, in JSON." },
    CLOUDEVENTS_STRUCTURED: {
      value: WebhookFormat.CLOUDEVENTS_STRUCTURED,
      description: 'CloudEvents 1.0: attributes and data together in the body.',
    },
    CLOUDEVENTS_BINARY: {
      value: WebhookFormat.CLOUDEVENTS_BINARY,
      description: 'CloudEvents 1.0: attributes as headers, data as the body.',
    },
  },
})
