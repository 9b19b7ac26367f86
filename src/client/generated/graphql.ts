/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
interface DocumentTypeDecoration<TResult, TVariables> { __apiType?: (variables: TVariables) => TResult }
/** The ways to authorize requests. */
export type AuthKind =
  /** A user name and a password. */
  | 'BASIC'
  /** A token that does not change. */
  | 'BEARER'
  /** Access tokens by client credentials. */
  | 'OAUTH2';

/** A user name and a password (RFC 7617). */
export type BasicAuthInput = {
  /** At most 2048 characters. */
  password: string;
  /** At most 255 characters without a colon. */
  username: string;
};

/** A token that does not change (RFC 6750). */
export type BearerAuthInput = {
  /** 1 to 2048 printable ASCII characters without blanks. */
  token: string;
};

/** A certificate and its key. */
export type ClientCertificateInput = {
  /** The certificate in PEM, followed by those between it and the authority that the endpoint trusts: at most 5, and 16384 characters. */
  certificate: string;
  /** Its private key in PEM, without a passphrase: RSA of 2048 to 4096 bits, ECDSA on P-256, P-384 or P-521, or Ed25519. At most 8192 characters. */
  privateKey: string;
};

/** A subscription to create. */
export type CreateSubscriptionInput = {
  /** How requests are authorized: `basic`, `bearer` or `oauth2`. Secrets are stored encrypted and never shown. */
  auth?: SubscriptionAuthInput | null | undefined;
  /** What the service shows to an endpoint that asks for a client certificate (mutual TLS). For `https` only. The private key is stored encrypted and never shown. */
  clientCertificate?: ClientCertificateInput | null | undefined;
  /** For people; at most 1024 characters. */
  description?: string | null | undefined;
  /** An absolute http or https URL of at most 2048 characters. None for kind `PULL`. */
  endpointUrl?: string | null | undefined;
  /** 1 to 200 event types by name, by pattern (`user.*`: one or more further segments), or `*` for every type but those of operational events (`service.`). */
  eventTypes: Array<string>;
  /** An expression in CEL of at most 4096 characters over `type`, `tenant`, `data`, `metadata` and `createdAt`: of the events of its types, the subscription gets those for which it is true. */
  filter?: string | null | undefined;
  /** What webhooks look like: `STANDARD`, the service's own form, or CloudEvents 1.0 in structured (`CLOUDEVENTS_STRUCTURED`) or binary (`CLOUDEVENTS_BINARY`) mode. At first `STANDARD`. */
  format?: WebhookFormat | null | undefined;
  /** Sent with every request: at most 20 values by name. Names are taken in lower case. Headers that the service or HTTP itself sets can not be set: `host`, `content-*`, `webhook-*`, `user-agent`, `connection`, … */
  headers?: Record<string, unknown> | null | undefined;
  /** True when it is absent. */
  isEnabled?: boolean | null | undefined;
  /** Whether it gets the events of one `orderingKey` in the order of their acceptance: the next one only when the one before is SENT or DEAD. It counts for events that are dispatched from then on. False when it is absent. */
  isOrdered?: boolean | null | undefined;
  /** How deliveries reach the consumer: `WEBHOOK` posts them to `endpointUrl`; with `PULL` there is no URL, and the consumer takes them from the subscription's feed. `WEBHOOK` when it is absent. It can't be changed. */
  kind?: SubscriptionKind | null | undefined;
  /** To find it by: at most 20 values of at most 256 characters by name, which is 1 to 63 characters of A-Z a-z 0-9 _ . -. */
  labels?: Record<string, unknown> | null | undefined;
  /** The most requests at a time, over all workers: 1 to 500; null for no limit of its own. */
  maxInFlight?: number | null | undefined;
  /** 1 to 10000, over all workers; null for no limit. */
  maxRequestsPerSecond?: number | null | undefined;
  /** How often a delivery is attempted: by a backoff, where the settings stand for what is absent, or by `scheduleSeconds`. Null for the settings. */
  retryPolicy?: RetryPolicyInput | null | undefined;
  /** `whsec_` and padded base64 of 24 to 64 bytes; or 8 to 255 printable ASCII characters without blanks at the ends, used as their bytes. Generated when it is absent. */
  secret?: string | null | undefined;
  /** The same, with values that are stored encrypted and never shown: answers have their names only. They replace all secret headers that there were. */
  secretHeaders?: Record<string, unknown> | null | undefined;
  /** How webhooks are signed: `V1` by the secret (HMAC-SHA256), `V1A` by a key pair (Ed25519), or both. `[V1]` when it is absent. */
  signatures?: Array<SignatureVersion> | null | undefined;
  /** Whose it is: 1 to 128 characters of A-Z a-z 0-9 _ . : -. It gets the events of its tenant only, and can't be changed. */
  tenant?: string | null | undefined;
  /** The deadline of an attempt, from the look-up of the name to the last byte: 1 to 120000; null for the setting. */
  timeoutMs?: number | null | undefined;
  /** Whether the endpoint is asked first if it agrees (`OPTIONS` with `WebHook-Request-Origin`). If it does not, nothing is stored. Needs the setting `WEBHOOK_REQUEST_ORIGIN`. */
  validate?: boolean | null | undefined;
};

/** Every condition that is given must hold. */
export type DeliveryFilter = {
  /** When the event was dispatched. */
  createdAt?: TimeRange | null | undefined;
  /** Has this text in `lastError`, in any case. */
  error?: string | null | undefined;
  /** Carries this event. */
  eventId?: string | null | undefined;
  /** One of these. */
  status?: Array<DeliveryStatus> | null | undefined;
  /** The last answer was one of these. */
  statusClass?: Array<StatusClass> | null | undefined;
  /** Goes to this subscription. */
  subscriptionId?: string | null | undefined;
  /** Goes to a subscription of this tenant. */
  tenant?: string | null | undefined;
  /** When the status last changed: what a live console asks for to catch up. */
  updatedAt?: TimeRange | null | undefined;
};

/** Where a delivery stands. */
export type DeliveryStatus =
  /** Given up: the dead-letter queue. */
  | 'DEAD'
  /** The last attempt failed, another is scheduled. */
  | 'FAILED'
  /** No attempt has finished yet, or a retry was asked for. */
  | 'PENDING'
  /** Answered with 2xx. */
  | 'SENT';

/** Why a subscription is disabled. */
export type DisabledReason =
  /** Its endpoint failed for `DISABLE_AFTER_DAYS`. */
  | 'FAILING'
  /** Its endpoint answered 410. */
  | 'GONE'
  /** By a user. */
  | 'MANUAL';

/** The codes of the errors that a mutation can answer with. */
export type ErrorCode =
  /** Something in the input must be mended. */
  | 'BAD_USER_INPUT'
  /** The present state does not allow it. */
  | 'CONFLICT'
  /** The idempotency key was used before with other content. */
  | 'IDEMPOTENCY_MISMATCH'
  /** Nothing has this id. */
  | 'NOT_FOUND';

/** Every condition that is given must hold. */
export type EventFilter = {
  /** The producer's own time, or that of acceptance. */
  createdAt?: TimeRange | null | undefined;
  /** Was published with this key: by `tenant`, or without it, for no tenant. */
  idempotencyKey?: string | null | undefined;
  /** One of these. */
  status?: Array<EventStatus> | null | undefined;
  /** Has a delivery to this subscription. */
  subscriptionId?: string | null | undefined;
  /** Is of this tenant. */
  tenant?: string | null | undefined;
  /** One of these. */
  type?: Array<string> | null | undefined;
};

/** What became of an event; it follows from its deliveries. */
export type EventStatus =
  /** Cancelled before its `deliverAt`. */
  | 'CANCELLED'
  /** All deliveries are DEAD. */
  | 'DEAD'
  /** All deliveries are SENT. */
  | 'DELIVERED'
  /** All deliveries are finished, some SENT, some DEAD. */
  | 'PARTIALLY_DELIVERED'
  /** Accepted, not dispatched. */
  | 'PENDING'
  /** Some delivery is PENDING or FAILED. */
  | 'PROCESSING'
  /** Waits for its `deliverAt`. */
  | 'SCHEDULED'
  /** No enabled subscription wanted it. */
  | 'UNMATCHED';

/** How an endpoint is. */
export type HealthState =
  /** The last attempt failed, or the endpoint recovers from a pause. */
  | 'FAILING'
  /** The last attempt succeeded, or there was none. */
  | 'HEALTHY'
  /** It failed for long: only probes are sent, one at a time. */
  | 'PAUSED';

/** What has a row of its own in each bucket of metrics. */
export type MetricsGroup =
  /** Each subscription, and so each endpoint. */
  | 'SUBSCRIPTION'
  /** Each event type. */
  | 'TYPE';

/** How long a bucket of metrics lasts. Hours and days are those of UTC. */
export type MetricsInterval =
  /** Kept for METRICS_RETENTION_DAYS. */
  | 'DAY'
  /** Kept for METRICS_RETENTION_DAYS. */
  | 'HOUR'
  /** Minutes are kept for two days. */
  | 'MINUTE';

/** Access tokens by client credentials (RFC 6749, section 4.4), fetched when they are needed. */
export type OAuth2AuthInput = {
  /** The audience to ask for; at most 1024 printable ASCII characters. */
  audience?: string | null | undefined;
  /** 1 to 255 printable ASCII characters. */
  clientId: string;
  /** 1 to 2048 printable ASCII characters. */
  clientSecret: string;
  /** The scopes to ask for, with blanks between them; at most 1024 characters. */
  scope?: string | null | undefined;
  /** Where access tokens are fetched. An absolute http or https URL of at most 2048 characters. */
  tokenUrl: string;
};

/** An event as it would be published. */
export type PreviewEventInput = {
  /** Now when it is absent. */
  createdAt?: string | null | undefined;
  /** What happened. */
  data: Record<string, unknown>;
  /** What there is to say about it besides. */
  metadata?: Record<string, unknown> | null | undefined;
  /** Whose event it is. */
  tenant?: string | null | undefined;
  /** 1 to 128 characters of A-Z a-z 0-9 _ . : -. */
  type: string;
};

/** An event to publish. */
export type PublishEventInput = {
  /** The producer's own time of the event. */
  createdAt?: string | null | undefined;
  /** What happened. */
  data: Record<string, unknown>;
  /** Delivered no earlier; at most 366 days ahead. A time that is over: at once. */
  deliverAt?: string | null | undefined;
  /** No attempt is made from then on. After `deliverAt`, and in the future. */
  expiresAt?: string | null | undefined;
  /** The same key with the same content publishes once, however often it is sent. */
  idempotencyKey?: string | null | undefined;
  /** What there is to say about it besides. */
  metadata?: Record<string, unknown> | null | undefined;
  /** 1 to 255 printable ASCII characters. Ordered subscriptions get the events of one key in the order of their acceptance; events without a key have no order. */
  orderingKey?: string | null | undefined;
  /** Whose event it is: 1 to 128 characters of A-Z a-z 0-9 _ . : -. */
  tenant?: string | null | undefined;
  /** 1 to 128 characters of A-Z a-z 0-9 _ . : -. */
  type: string;
};

/** A backoff, where the settings stand for what is absent; or a schedule. */
export type RetryPolicyInput = {
  /** The wait after the first failure, doubled after each further one: 0 to 604800. */
  backoffBaseSeconds?: number | null | undefined;
  /** The longest of these waits: 0 to 604800. */
  backoffMaxSeconds?: number | null | undefined;
  /** Attempts before DEAD: 1 to 100. */
  maxAttempts?: number | null | undefined;
  /** The wait after each failure instead, without jitter: at most 99 waits of 0 to 604800 seconds. n waits are n + 1 attempts. */
  scheduleSeconds?: Array<number> | null | undefined;
};

/** How webhooks are signed: the schemes of Standard Webhooks. */
export type SignatureVersion =
  /** HMAC-SHA256, with the secret. */
  | 'V1'
  /** Ed25519, with a key pair. */
  | 'V1A';

/** What the status code of an answer begins with. */
export type StatusClass =
  /** Success. */
  | 'HTTP_2XX'
  /** A redirect, which is never followed. */
  | 'HTTP_3XX'
  /** The endpoint refused the request. */
  | 'HTTP_4XX'
  /** The endpoint failed. */
  | 'HTTP_5XX'
  /** There was no answer. */
  | 'NONE';

/** One of these. */
export type SubscriptionAuthInput = {
  /** A user name and a password (RFC 7617). */
  basic?: BasicAuthInput | null | undefined;
  /** A token that does not change (RFC 6750). */
  bearer?: BearerAuthInput | null | undefined;
  /** Access tokens by client credentials (RFC 6749, section 4.4), fetched when they are needed. */
  oauth2?: OAuth2AuthInput | null | undefined;
};

/** Every condition that is given must hold. */
export type SubscriptionFilter = {
  /** Has exactly this endpoint. */
  endpointUrl?: string | null | undefined;
  /** Wants this type by name. */
  eventType?: string | null | undefined;
  /** Takes events, or does not. */
  isEnabled?: boolean | null | undefined;
  /** Has all of these labels. */
  labels?: Record<string, unknown> | null | undefined;
  /** Is of this tenant. */
  tenant?: string | null | undefined;
};

/** How the deliveries of a subscription reach its consumer. */
export type SubscriptionKind =
  /** The consumer takes them from its feed. */
  | 'PULL'
  /** The service posts them to its endpoint. */
  | 'WEBHOOK';

/** From a moment, to a moment, or both. */
export type TimeRange = {
  /** At this moment or later. */
  from?: string | null | undefined;
  /** Before this moment. */
  to?: string | null | undefined;
};

/** What is absent stays as it is. Null removes what a subscription can be without, and counts as absent elsewhere. */
export type UpdateSubscriptionInput = {
  /** How requests are authorized: `basic`, `bearer` or `oauth2`. Secrets are stored encrypted and never shown. */
  auth?: SubscriptionAuthInput | null | undefined;
  /** What the service shows to an endpoint that asks for a client certificate (mutual TLS). For `https` only. The private key is stored encrypted and never shown. */
  clientCertificate?: ClientCertificateInput | null | undefined;
  /** For people; at most 1024 characters. Null removes it. */
  description?: string | null | undefined;
  /** An absolute http or https URL of at most 2048 characters. None for kind `PULL`. */
  endpointUrl?: string | null | undefined;
  /** 1 to 200 event types by name, by pattern (`user.*`: one or more further segments), or `*` for every type but those of operational events (`service.`). */
  eventTypes?: Array<string> | null | undefined;
  /** An expression in CEL of at most 4096 characters over `type`, `tenant`, `data`, `metadata` and `createdAt`: of the events of its types, the subscription gets those for which it is true. Null removes it. */
  filter?: string | null | undefined;
  /** What webhooks look like: `STANDARD`, the service's own form, or CloudEvents 1.0 in structured (`CLOUDEVENTS_STRUCTURED`) or binary (`CLOUDEVENTS_BINARY`) mode. At first `STANDARD`. */
  format?: WebhookFormat | null | undefined;
  /** Sent with every request: at most 20 values by name. Names are taken in lower case. Headers that the service or HTTP itself sets can not be set: `host`, `content-*`, `webhook-*`, `user-agent`, `connection`, … */
  headers?: Record<string, unknown> | null | undefined;
  /** Whether it takes events. */
  isEnabled?: boolean | null | undefined;
  /** Whether it gets the events of one `orderingKey` in the order of their acceptance: the next one only when the one before is SENT or DEAD. It counts for events that are dispatched from then on. */
  isOrdered?: boolean | null | undefined;
  /** To find it by: at most 20 values of at most 256 characters by name, which is 1 to 63 characters of A-Z a-z 0-9 _ . -. */
  labels?: Record<string, unknown> | null | undefined;
  /** The most requests at a time, over all workers: 1 to 500; null for no limit of its own. */
  maxInFlight?: number | null | undefined;
  /** 1 to 10000, over all workers; null for no limit. */
  maxRequestsPerSecond?: number | null | undefined;
  /** How often a delivery is attempted: by a backoff, where the settings stand for what is absent, or by `scheduleSeconds`. Null for the settings. */
  retryPolicy?: RetryPolicyInput | null | undefined;
  /** `whsec_` and padded base64 of 24 to 64 bytes; or 8 to 255 printable ASCII characters without blanks at the ends, used as their bytes. Each replaced secret signs beside the new one for its own 24 hours. */
  secret?: string | null | undefined;
  /** The same, with values that are stored encrypted and never shown: answers have their names only. They replace all secret headers that there were. */
  secretHeaders?: Record<string, unknown> | null | undefined;
  /** How webhooks are signed: `V1` by the secret (HMAC-SHA256), `V1A` by a key pair (Ed25519), or both. */
  signatures?: Array<SignatureVersion> | null | undefined;
  /** The deadline of an attempt, from the look-up of the name to the last byte: 1 to 120000; null for the setting. */
  timeoutMs?: number | null | undefined;
  /** Whether the endpoint is asked first if it agrees (`OPTIONS` with `WebHook-Request-Origin`). If it does not, nothing is stored. Needs the setting `WEBHOOK_REQUEST_ORIGIN`. */
  validate?: boolean | null | undefined;
};

/** What holds up an open delivery. */
export type WaitingFor =
  /** Its endpoint fails, and is paused until a probe succeeds. */
  | 'BREAKER'
  /** Its subscription is disabled. */
  | 'DISABLED'
  /** An earlier delivery of its ordering key is not finished. */
  | 'ORDER'
  /** The rate or the requests in flight of its subscription are used up. */
  | 'RATE_LIMIT'
  /** The wait after a failure is not over. */
  | 'SCHEDULE';

/** What webhooks look like. */
export type WebhookFormat =
  /** CloudEvents 1.0: attributes as headers, data as the body. */
  | 'CLOUDEVENTS_BINARY'
  /** CloudEvents 1.0: attributes and data together in the body. */
  | 'CLOUDEVENTS_STRUCTURED'
  /** The service's own, in JSON. */
  | 'STANDARD';

export type DeliveryFieldsFragment = { id: string, eventId: string, subscriptionId: string, status: DeliveryStatus, attempts: number, nextRunAt: string | null, lastError: string | null, lastStatusCode: number | null, waitingFor: WaitingFor | null, discardedAt: string | null, createdAt: string, updatedAt: string, event: { type: string }, subscription: { endpointUrl: string | null } };

export type DeliveryLogFieldsFragment = { attempt: number, status: DeliveryStatus, statusCode: number | null, error: string | null, responseTimeMs: number, remoteAddress: string | null, isConnectionReused: boolean | null, httpVersion: string | null, worker: string | null, createdAt: string, timings: { dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number } };

export type AttemptFieldsFragment = { attempt: number, status: DeliveryStatus, statusCode: number | null, error: string | null, responseTimeMs: number, remoteAddress: string | null, isConnectionReused: boolean | null, httpVersion: string | null, worker: string | null, createdAt: string, timings: { dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number }, request: { headers: Record<string, unknown>, body: string | null } | null, response: { headers: Record<string, unknown>, body: string | null, isTruncated: boolean } | null };

export type DeliveryQueryVariables = Exact<{
  id: string;
}>;


export type DeliveryQuery = { delivery: { id: string, eventId: string, subscriptionId: string, status: DeliveryStatus, attempts: number, nextRunAt: string | null, lastError: string | null, lastStatusCode: number | null, waitingFor: WaitingFor | null, discardedAt: string | null, createdAt: string, updatedAt: string, event: { type: string }, subscription: { endpointUrl: string | null }, logs: Array<{ attempt: number, status: DeliveryStatus, statusCode: number | null, error: string | null, responseTimeMs: number, remoteAddress: string | null, isConnectionReused: boolean | null, httpVersion: string | null, worker: string | null, createdAt: string, timings: { dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number } }> } | null };

export type DeliveryAttemptsQueryVariables = Exact<{
  id: string;
}>;


export type DeliveryAttemptsQuery = { delivery: { logs: Array<{ attempt: number, status: DeliveryStatus, statusCode: number | null, error: string | null, responseTimeMs: number, remoteAddress: string | null, isConnectionReused: boolean | null, httpVersion: string | null, worker: string | null, createdAt: string, timings: { dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number }, request: { headers: Record<string, unknown>, body: string | null } | null, response: { headers: Record<string, unknown>, body: string | null, isTruncated: boolean } | null }> } | null };

export type DeliveriesQueryVariables = Exact<{
  filter?: DeliveryFilter | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type DeliveriesQuery = { deliveries: { edges: Array<{ node: { id: string, eventId: string, subscriptionId: string, status: DeliveryStatus, attempts: number, nextRunAt: string | null, lastError: string | null, lastStatusCode: number | null, waitingFor: WaitingFor | null, discardedAt: string | null, createdAt: string, updatedAt: string, event: { type: string }, subscription: { endpointUrl: string | null } } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type RetryDeliveryMutationVariables = Exact<{
  id: string;
}>;


export type RetryDeliveryMutation = { retryDelivery: { delivery: { id: string, eventId: string, subscriptionId: string, status: DeliveryStatus, attempts: number, nextRunAt: string | null, lastError: string | null, lastStatusCode: number | null, waitingFor: WaitingFor | null, discardedAt: string | null, createdAt: string, updatedAt: string, event: { type: string }, subscription: { endpointUrl: string | null } } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type CancelDeliveryMutationVariables = Exact<{
  id: string;
}>;


export type CancelDeliveryMutation = { cancelDelivery: { delivery: { id: string, eventId: string, subscriptionId: string, status: DeliveryStatus, attempts: number, nextRunAt: string | null, lastError: string | null, lastStatusCode: number | null, waitingFor: WaitingFor | null, discardedAt: string | null, createdAt: string, updatedAt: string, event: { type: string }, subscription: { endpointUrl: string | null } } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type DeliveryUpdatedSubscriptionVariables = Exact<{
  eventId?: string | null | undefined;
  subscriptionId?: string | null | undefined;
  status?: Array<DeliveryStatus> | DeliveryStatus | null | undefined;
}>;


export type DeliveryUpdatedSubscription = { deliveryUpdated: { id: string, eventId: string, subscriptionId: string, status: DeliveryStatus, attempts: number, nextRunAt: string | null, lastError: string | null, lastStatusCode: number | null, waitingFor: WaitingFor | null, discardedAt: string | null, createdAt: string, updatedAt: string, event: { type: string }, subscription: { endpointUrl: string | null } } };

export type SendTestEventMutationVariables = Exact<{
  subscriptionId: string;
  type: string;
  data: Record<string, unknown>;
}>;


export type SendTestEventMutation = { sendTestEvent: { log: { attempt: number, status: DeliveryStatus, statusCode: number | null, error: string | null, responseTimeMs: number, remoteAddress: string | null, isConnectionReused: boolean | null, httpVersion: string | null, worker: string | null, createdAt: string, timings: { dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number }, request: { headers: Record<string, unknown>, body: string | null } | null, response: { headers: Record<string, unknown>, body: string | null, isTruncated: boolean } | null } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

type UserErrorFields_ConflictError_Fragment = { code: ErrorCode, message: string };

type UserErrorFields_IdempotencyMismatchError_Fragment = { code: ErrorCode, message: string };

type UserErrorFields_InvalidInputError_Fragment = { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> };

type UserErrorFields_NotFoundError_Fragment = { code: ErrorCode, message: string };

export type UserErrorFieldsFragment =
  | UserErrorFields_ConflictError_Fragment
  | UserErrorFields_IdempotencyMismatchError_Fragment
  | UserErrorFields_InvalidInputError_Fragment
  | UserErrorFields_NotFoundError_Fragment
;

export type EventFieldsFragment = { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string };

export type EventQueryVariables = Exact<{
  id: string;
}>;


export type EventQuery = { event: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string, payload: { data: Record<string, unknown>, metadata: Record<string, unknown> | null } } | null };

export type EventsQueryVariables = Exact<{
  filter?: EventFilter | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type EventsQuery = { events: { edges: Array<{ node: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type PublishEventMutationVariables = Exact<{
  input: PublishEventInput;
}>;


export type PublishEventMutation = { publishEvent: { deduplicated: boolean, event: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type PublishEventsMutationVariables = Exact<{
  inputs: Array<PublishEventInput> | PublishEventInput;
}>;


export type PublishEventsMutation = { publishEvents: Array<{ deduplicated: boolean, event: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > }> };

export type CancelEventMutationVariables = Exact<{
  id: string;
}>;


export type CancelEventMutation = { cancelEvent: { event: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type EraseEventMutationVariables = Exact<{
  id: string;
}>;


export type EraseEventMutation = { eraseEvent: { event: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type RetryEventMutationVariables = Exact<{
  eventId: string;
}>;


export type RetryEventMutation = { retryEvent: { retried: number, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type EventUpdatedSubscriptionVariables = Exact<{
  id?: string | null | undefined;
  type?: Array<string> | string | null | undefined;
  status?: Array<EventStatus> | EventStatus | null | undefined;
}>;


export type EventUpdatedSubscription = { eventUpdated: { id: string, type: string, tenant: string | null, status: EventStatus, idempotencyKey: string | null, isTest: boolean, deliverAt: string | null, expiresAt: string | null, erasedAt: string | null, orderingKey: string | null, deliveryCount: number, createdAt: string, updatedAt: string } };

export type StatsQueryVariables = Exact<{ [key: string]: never; }>;


export type StatsQuery = { stats: { eventsTotal: number, deliveriesTotal: number, deliveriesPending: number, deliveriesSent: number, deliveriesFailed: number, deliveriesDead: number, subscriptionsTotal: number, subscriptionsEnabled: number } };

export type DeliveryMetricsQueryVariables = Exact<{
  from: string;
  to?: string | null | undefined;
  interval?: MetricsInterval | null | undefined;
  groupBy?: Array<MetricsGroup> | MetricsGroup | null | undefined;
  subscriptionId?: string | null | undefined;
  type?: string | null | undefined;
}>;


export type DeliveryMetricsQuery = { deliveryMetrics: Array<{ startsAt: string, subscriptionId: string | null, type: string | null, attempts: number, sent: number, failed: number, dead: number, latencyP50Ms: number, latencyP95Ms: number, latencyP99Ms: number }> };

export type WebhookSubscriptionFieldsFragment = { id: string, kind: SubscriptionKind, endpointUrl: string | null, eventTypes: Array<string>, tenant: string | null, filter: string | null, isEnabled: boolean, disabledReason: DisabledReason | null, disabledAt: string | null, description: string | null, labels: Record<string, unknown>, maxRequestsPerSecond: number | null, timeoutMs: number | null, maxInFlight: number | null, isOrdered: boolean, headers: Record<string, unknown>, secretHeaders: Array<string>, format: WebhookFormat, signatures: Array<SignatureVersion>, publicKey: string | null, publicKeys: Array<string>, createdAt: string, updatedAt: string, deletedAt: string | null, filterErrors: { count: number, lastError: string, lastAt: string } | null, retryPolicy: { maxAttempts: number | null, backoffBaseSeconds: number | null, backoffMaxSeconds: number | null, scheduleSeconds: Array<number> | null } | null, auth: { kind: AuthKind, basic: { username: string } | null, oauth2: { tokenUrl: string, clientId: string, scope: string | null, audience: string | null } | null } | null, clientCertificate: { subject: string, issuer: string, serialNumber: string, fingerprint256: string, validFrom: string, validTo: string } | null, health: { state: HealthState, consecutiveFailures: number, failingSince: string | null, lastSuccessAt: string | null, lastFailureAt: string | null, successRate: number | null, latencyP95Ms: number | null } };

export type SubscriptionQueryVariables = Exact<{
  id: string;
}>;


export type SubscriptionQuery = { subscription: { id: string, kind: SubscriptionKind, endpointUrl: string | null, eventTypes: Array<string>, tenant: string | null, filter: string | null, isEnabled: boolean, disabledReason: DisabledReason | null, disabledAt: string | null, description: string | null, labels: Record<string, unknown>, maxRequestsPerSecond: number | null, timeoutMs: number | null, maxInFlight: number | null, isOrdered: boolean, headers: Record<string, unknown>, secretHeaders: Array<string>, format: WebhookFormat, signatures: Array<SignatureVersion>, publicKey: string | null, publicKeys: Array<string>, createdAt: string, updatedAt: string, deletedAt: string | null, filterErrors: { count: number, lastError: string, lastAt: string } | null, retryPolicy: { maxAttempts: number | null, backoffBaseSeconds: number | null, backoffMaxSeconds: number | null, scheduleSeconds: Array<number> | null } | null, auth: { kind: AuthKind, basic: { username: string } | null, oauth2: { tokenUrl: string, clientId: string, scope: string | null, audience: string | null } | null } | null, clientCertificate: { subject: string, issuer: string, serialNumber: string, fingerprint256: string, validFrom: string, validTo: string } | null, health: { state: HealthState, consecutiveFailures: number, failingSince: string | null, lastSuccessAt: string | null, lastFailureAt: string | null, successRate: number | null, latencyP95Ms: number | null } } | null };

export type SubscriptionsQueryVariables = Exact<{
  filter?: SubscriptionFilter | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type SubscriptionsQuery = { subscriptions: { edges: Array<{ node: { id: string, kind: SubscriptionKind, endpointUrl: string | null, eventTypes: Array<string>, tenant: string | null, filter: string | null, isEnabled: boolean, disabledReason: DisabledReason | null, disabledAt: string | null, description: string | null, labels: Record<string, unknown>, maxRequestsPerSecond: number | null, timeoutMs: number | null, maxInFlight: number | null, isOrdered: boolean, headers: Record<string, unknown>, secretHeaders: Array<string>, format: WebhookFormat, signatures: Array<SignatureVersion>, publicKey: string | null, publicKeys: Array<string>, createdAt: string, updatedAt: string, deletedAt: string | null, filterErrors: { count: number, lastError: string, lastAt: string } | null, retryPolicy: { maxAttempts: number | null, backoffBaseSeconds: number | null, backoffMaxSeconds: number | null, scheduleSeconds: Array<number> | null } | null, auth: { kind: AuthKind, basic: { username: string } | null, oauth2: { tokenUrl: string, clientId: string, scope: string | null, audience: string | null } | null } | null, clientCertificate: { subject: string, issuer: string, serialNumber: string, fingerprint256: string, validFrom: string, validTo: string } | null, health: { state: HealthState, consecutiveFailures: number, failingSince: string | null, lastSuccessAt: string | null, lastFailureAt: string | null, successRate: number | null, latencyP95Ms: number | null } } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type CreateSubscriptionMutationVariables = Exact<{
  input: CreateSubscriptionInput;
}>;


export type CreateSubscriptionMutation = { createSubscription: { secret: string | null, subscription: { id: string, kind: SubscriptionKind, endpointUrl: string | null, eventTypes: Array<string>, tenant: string | null, filter: string | null, isEnabled: boolean, disabledReason: DisabledReason | null, disabledAt: string | null, description: string | null, labels: Record<string, unknown>, maxRequestsPerSecond: number | null, timeoutMs: number | null, maxInFlight: number | null, isOrdered: boolean, headers: Record<string, unknown>, secretHeaders: Array<string>, format: WebhookFormat, signatures: Array<SignatureVersion>, publicKey: string | null, publicKeys: Array<string>, createdAt: string, updatedAt: string, deletedAt: string | null, filterErrors: { count: number, lastError: string, lastAt: string } | null, retryPolicy: { maxAttempts: number | null, backoffBaseSeconds: number | null, backoffMaxSeconds: number | null, scheduleSeconds: Array<number> | null } | null, auth: { kind: AuthKind, basic: { username: string } | null, oauth2: { tokenUrl: string, clientId: string, scope: string | null, audience: string | null } | null } | null, clientCertificate: { subject: string, issuer: string, serialNumber: string, fingerprint256: string, validFrom: string, validTo: string } | null, health: { state: HealthState, consecutiveFailures: number, failingSince: string | null, lastSuccessAt: string | null, lastFailureAt: string | null, successRate: number | null, latencyP95Ms: number | null } } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type UpdateSubscriptionMutationVariables = Exact<{
  id: string;
  input: UpdateSubscriptionInput;
}>;


export type UpdateSubscriptionMutation = { updateSubscription: { subscription: { id: string, kind: SubscriptionKind, endpointUrl: string | null, eventTypes: Array<string>, tenant: string | null, filter: string | null, isEnabled: boolean, disabledReason: DisabledReason | null, disabledAt: string | null, description: string | null, labels: Record<string, unknown>, maxRequestsPerSecond: number | null, timeoutMs: number | null, maxInFlight: number | null, isOrdered: boolean, headers: Record<string, unknown>, secretHeaders: Array<string>, format: WebhookFormat, signatures: Array<SignatureVersion>, publicKey: string | null, publicKeys: Array<string>, createdAt: string, updatedAt: string, deletedAt: string | null, filterErrors: { count: number, lastError: string, lastAt: string } | null, retryPolicy: { maxAttempts: number | null, backoffBaseSeconds: number | null, backoffMaxSeconds: number | null, scheduleSeconds: Array<number> | null } | null, auth: { kind: AuthKind, basic: { username: string } | null, oauth2: { tokenUrl: string, clientId: string, scope: string | null, audience: string | null } | null } | null, clientCertificate: { subject: string, issuer: string, serialNumber: string, fingerprint256: string, validFrom: string, validTo: string } | null, health: { state: HealthState, consecutiveFailures: number, failingSince: string | null, lastSuccessAt: string | null, lastFailureAt: string | null, successRate: number | null, latencyP95Ms: number | null } } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type RotateSecretMutationVariables = Exact<{
  id: string;
  overlapHours?: number | null | undefined;
}>;


export type RotateSecretMutation = { rotateSecret: { secret: string | null, subscription: { id: string, kind: SubscriptionKind, endpointUrl: string | null, eventTypes: Array<string>, tenant: string | null, filter: string | null, isEnabled: boolean, disabledReason: DisabledReason | null, disabledAt: string | null, description: string | null, labels: Record<string, unknown>, maxRequestsPerSecond: number | null, timeoutMs: number | null, maxInFlight: number | null, isOrdered: boolean, headers: Record<string, unknown>, secretHeaders: Array<string>, format: WebhookFormat, signatures: Array<SignatureVersion>, publicKey: string | null, publicKeys: Array<string>, createdAt: string, updatedAt: string, deletedAt: string | null, filterErrors: { count: number, lastError: string, lastAt: string } | null, retryPolicy: { maxAttempts: number | null, backoffBaseSeconds: number | null, backoffMaxSeconds: number | null, scheduleSeconds: Array<number> | null } | null, auth: { kind: AuthKind, basic: { username: string } | null, oauth2: { tokenUrl: string, clientId: string, scope: string | null, audience: string | null } | null } | null, clientCertificate: { subject: string, issuer: string, serialNumber: string, fingerprint256: string, validFrom: string, validTo: string } | null, health: { state: HealthState, consecutiveFailures: number, failingSince: string | null, lastSuccessAt: string | null, lastFailureAt: string | null, successRate: number | null, latencyP95Ms: number | null } } | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type DeleteSubscriptionMutationVariables = Exact<{
  id: string;
}>;


export type DeleteSubscriptionMutation = { deleteSubscription: { deletedId: string | null, errors: Array<
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string }
      | { code: ErrorCode, message: string, problems: Array<{ path: string, message: string }> }
      | { code: ErrorCode, message: string }
    > } };

export type PreviewFilterQueryVariables = Exact<{
  filter: string;
  eventId?: string | null | undefined;
  event?: PreviewEventInput | null | undefined;
}>;


export type PreviewFilterQuery = { previewFilter: { matches: boolean, error: string | null, unmet: Array<string> } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
const userErrorFields = `code message ...on InvalidInputError{problems{path message}}`
const eventFields = `id type tenant status idempotencyKey isTest deliverAt expiresAt erasedAt orderingKey deliveryCount createdAt updatedAt`
const deliveryFields = `id eventId subscriptionId status attempts nextRunAt lastError lastStatusCode waitingFor discardedAt createdAt updatedAt event{type}subscription{endpointUrl}`
const deliveryLogFields = `attempt status statusCode error responseTimeMs timings{dnsMs connectMs tlsMs firstByteMs totalMs}remoteAddress isConnectionReused httpVersion worker createdAt`
const attemptFields = `${deliveryLogFields} request{headers body}response{headers body isTruncated}`
const webhookSubscriptionFields = `id kind endpointUrl eventTypes tenant filter filterErrors{count lastError lastAt}isEnabled disabledReason disabledAt description labels maxRequestsPerSecond retryPolicy{maxAttempts backoffBaseSeconds backoffMaxSeconds scheduleSeconds}timeoutMs maxInFlight isOrdered headers secretHeaders auth{kind basic{username}oauth2{tokenUrl clientId scope audience}}clientCertificate{subject issuer serialNumber fingerprint256 validFrom validTo}format signatures publicKey publicKeys health{state consecutiveFailures failingSince lastSuccessAt lastFailureAt successRate latencyP95Ms}createdAt updatedAt deletedAt`
export const DeliveryDocument = /*#__PURE__*/ new TypedDocumentString(`query Delivery($id:ID!){delivery(id:$id){${deliveryFields}logs{${deliveryLogFields}}}}`) as unknown as TypedDocumentString<DeliveryQuery, DeliveryQueryVariables>;
export const DeliveryAttemptsDocument = /*#__PURE__*/ new TypedDocumentString(`query DeliveryAttempts($id:ID!){delivery(id:$id){logs{${attemptFields}}}}`) as unknown as TypedDocumentString<DeliveryAttemptsQuery, DeliveryAttemptsQueryVariables>;
export const DeliveriesDocument = /*#__PURE__*/ new TypedDocumentString(`query Deliveries($filter:DeliveryFilter$first:Int$after:String$last:Int$before:String){deliveries(filter:$filter first:$first after:$after last:$last before:$before){edges{node{${deliveryFields}}}pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}`) as unknown as TypedDocumentString<DeliveriesQuery, DeliveriesQueryVariables>;
export const RetryDeliveryDocument = /*#__PURE__*/ new TypedDocumentString(`mutation RetryDelivery($id:ID!){retryDelivery(id:$id){delivery{${deliveryFields}}errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<RetryDeliveryMutation, RetryDeliveryMutationVariables>;
export const CancelDeliveryDocument = /*#__PURE__*/ new TypedDocumentString(`mutation CancelDelivery($id:ID!){cancelDelivery(id:$id){delivery{${deliveryFields}}errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<CancelDeliveryMutation, CancelDeliveryMutationVariables>;
export const DeliveryUpdatedDocument = /*#__PURE__*/ new TypedDocumentString(`subscription DeliveryUpdated($eventId:ID$subscriptionId:ID$status:[DeliveryStatus!]){deliveryUpdated(eventId:$eventId subscriptionId:$subscriptionId status:$status){${deliveryFields}}}`) as unknown as TypedDocumentString<DeliveryUpdatedSubscription, DeliveryUpdatedSubscriptionVariables>;
export const SendTestEventDocument = /*#__PURE__*/ new TypedDocumentString(`mutation SendTestEvent($subscriptionId:ID!$type:String!$data:JSONObject!){sendTestEvent(subscriptionId:$subscriptionId type:$type data:$data){log{${attemptFields}}errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<SendTestEventMutation, SendTestEventMutationVariables>;
export const EventDocument = /*#__PURE__*/ new TypedDocumentString(`query Event($id:ID!){event(id:$id){${eventFields} payload{data metadata}}}`) as unknown as TypedDocumentString<EventQuery, EventQueryVariables>;
export const EventsDocument = /*#__PURE__*/ new TypedDocumentString(`query Events($filter:EventFilter$first:Int$after:String$last:Int$before:String){events(filter:$filter first:$first after:$after last:$last before:$before){edges{node{${eventFields}}}pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}`) as unknown as TypedDocumentString<EventsQuery, EventsQueryVariables>;
export const PublishEventDocument = /*#__PURE__*/ new TypedDocumentString(`mutation PublishEvent($input:PublishEventInput!){publishEvent(input:$input){event{${eventFields}}deduplicated errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<PublishEventMutation, PublishEventMutationVariables>;
export const PublishEventsDocument = /*#__PURE__*/ new TypedDocumentString(`mutation PublishEvents($inputs:[PublishEventInput!]!){publishEvents(inputs:$inputs){event{${eventFields}}deduplicated errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<PublishEventsMutation, PublishEventsMutationVariables>;
export const CancelEventDocument = /*#__PURE__*/ new TypedDocumentString(`mutation CancelEvent($id:ID!){cancelEvent(id:$id){event{${eventFields}}errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<CancelEventMutation, CancelEventMutationVariables>;
export const EraseEventDocument = /*#__PURE__*/ new TypedDocumentString(`mutation EraseEvent($id:ID!){eraseEvent(id:$id){event{${eventFields}}errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<EraseEventMutation, EraseEventMutationVariables>;
export const RetryEventDocument = /*#__PURE__*/ new TypedDocumentString(`mutation RetryEvent($eventId:ID!){retryEvent(eventId:$eventId){retried errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<RetryEventMutation, RetryEventMutationVariables>;
export const EventUpdatedDocument = /*#__PURE__*/ new TypedDocumentString(`subscription EventUpdated($id:ID$type:[String!]$status:[EventStatus!]){eventUpdated(id:$id type:$type status:$status){${eventFields}}}`) as unknown as TypedDocumentString<EventUpdatedSubscription, EventUpdatedSubscriptionVariables>;
export const StatsDocument = /*#__PURE__*/ new TypedDocumentString(`query Stats{stats{eventsTotal deliveriesTotal deliveriesPending deliveriesSent deliveriesFailed deliveriesDead subscriptionsTotal subscriptionsEnabled}}`) as unknown as TypedDocumentString<StatsQuery, StatsQueryVariables>;
export const DeliveryMetricsDocument = /*#__PURE__*/ new TypedDocumentString(`query DeliveryMetrics($from:DateTime!$to:DateTime$interval:MetricsInterval$groupBy:[MetricsGroup!]$subscriptionId:ID$type:String){deliveryMetrics(from:$from to:$to interval:$interval groupBy:$groupBy subscriptionId:$subscriptionId type:$type){startsAt subscriptionId type attempts sent failed dead latencyP50Ms latencyP95Ms latencyP99Ms}}`) as unknown as TypedDocumentString<DeliveryMetricsQuery, DeliveryMetricsQueryVariables>;
export const SubscriptionDocument = /*#__PURE__*/ new TypedDocumentString(`query Subscription($id:ID!){subscription(id:$id){${webhookSubscriptionFields}}}`) as unknown as TypedDocumentString<SubscriptionQuery, SubscriptionQueryVariables>;
export const SubscriptionsDocument = /*#__PURE__*/ new TypedDocumentString(`query Subscriptions($filter:SubscriptionFilter$first:Int$after:String$last:Int$before:String){subscriptions(filter:$filter first:$first after:$after last:$last before:$before){edges{node{${webhookSubscriptionFields}}}pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}`) as unknown as TypedDocumentString<SubscriptionsQuery, SubscriptionsQueryVariables>;
export const CreateSubscriptionDocument = /*#__PURE__*/ new TypedDocumentString(`mutation CreateSubscription($input:CreateSubscriptionInput!){createSubscription(input:$input){subscription{${webhookSubscriptionFields}}secret errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<CreateSubscriptionMutation, CreateSubscriptionMutationVariables>;
export const UpdateSubscriptionDocument = /*#__PURE__*/ new TypedDocumentString(`mutation UpdateSubscription($id:ID!$input:UpdateSubscriptionInput!){updateSubscription(id:$id input:$input){subscription{${webhookSubscriptionFields}}errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<UpdateSubscriptionMutation, UpdateSubscriptionMutationVariables>;
export const RotateSecretDocument = /*#__PURE__*/ new TypedDocumentString(`mutation RotateSecret($id:ID!$overlapHours:Int){rotateSecret(id:$id overlapHours:$overlapHours){subscription{${webhookSubscriptionFields}}secret errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<RotateSecretMutation, RotateSecretMutationVariables>;
export const DeleteSubscriptionDocument = /*#__PURE__*/ new TypedDocumentString(`mutation DeleteSubscription($id:ID!){deleteSubscription(id:$id){deletedId errors{${userErrorFields}}}}`) as unknown as TypedDocumentString<DeleteSubscriptionMutation, DeleteSubscriptionMutationVariables>;
export const PreviewFilterDocument = /*#__PURE__*/ new TypedDocumentString(`query PreviewFilter($filter:String!$eventId:ID$event:PreviewEventInput){previewFilter(filter:$filter eventId:$eventId event:$event){matches error unmet}}`) as unknown as TypedDocumentString<PreviewFilterQuery, PreviewFilterQueryVariables>;