/** One attempt of a delivery, with what was sent and answered. */
import type { WebhookFormat } from '../../generated/prisma/enums.js'
import { attemptId, type Headers, type ShownExchange } from '../../model/attempt-details.js'
import { builder } from '../builder.js'
import type { CountedLog } from '../delivery-logs.js'
import { DeliveryStatusEnum } from '../enums.js'
import { PayloadJson } from '../payload-json.js'

const AttemptTimings = builder.objectRef<CountedLog['timings']>('AttemptTimings').implement({
  description: 'Milliseconds of each phase; null for one that did not happen or did not end.',
  fields: (t) => ({
    dnsMs: t.exposeInt('dnsMs', { nullable: true, description: "The look-up of the endpoint's name." }),
    connectMs: t.exposeInt('connectMs', {
      nullable: true,
      description: 'The TCP connection; with an outgoing proxy, the whole way to the endpoint.',
    }),
    tlsMs: t.exposeInt('tlsMs', { nullable: true, description: 'The TLS handshake.' }),
    firstByteMs: t.exposeInt('firstByteMs', {
      nullable: true,
      description: 'From the request to the first byte of the answer.',
    }),
    totalMs: t.exposeInt('totalMs', { description: 'The whole exchange.' }),
  }),
})

const headersDescription = 'By name, in lower case. The values of secret headers are `[redacted]`.'

const AttemptRequest = builder
  .objectRef<{ deliveryId: string; format: WebhookFormat; headers: Headers }>('AttemptRequest')
  .implement({
    description: 'What was sent.',
    fields: (t) => ({
      headers: t.field({
        type: 'JSONObject',
        description: headersDescription,
        resolve: ({ headers }) => new PayloadJson(headers),
      }),
      body: t.string({
        nullable: true,
        description: 'Made again from the event: the bytes are those that were sent.',
        resolve: async ({ deliveryId, format }, _args, { webhookBodies }) =>
          (await webhookBodies.load(deliveryId))?.(format) ?? null,
      }),
    }),
  })

const AttemptResponse = builder
  .objectRef<NonNullable<ShownExchange['response']>>('AttemptResponse')
  .implement({
    description: 'What was answered.',
    fields: (t) => ({
      headers: t.field({
        type: 'JSONObject',
        description: headersDescription,
        resolve: ({ headers }) => new PayloadJson(headers),
      }),
      body: t.exposeString('body', {
        nullable: true,
        description:
          'At most 16 KiB; null where none is kept. Bytes that are no UTF-8 are shown as U+FFFD. Kept are those of ' +
          'failed attempts and of tests, unless `LOG_RESPONSE_BODIES` says otherwise.',
      }),
      isTruncated: t.exposeBoolean('isTruncated', {
        description: 'Whether the answer had more than this, or should have.',
      }),
    }),
  })

export const DeliveryLog = builder.objectRef<CountedLog>('DeliveryLog').implement({
  description: 'One HTTP attempt of a delivery.',
  fields: (t) => ({
    attempt: t.exposeInt('attempt', { description: '1, 2, 3, … over the whole life of the delivery.' }),
    status: t.expose('status', {
      type: DeliveryStatusEnum,
      description: 'What the attempt made of the delivery: SENT, FAILED or DEAD.',
    }),
    statusCode: t.exposeInt('statusCode', { nullable: true, description: 'Null when there was no answer.' }),
    error: t.string({
      nullable: true,
      description: 'Why it failed.',
      resolve: ({ error }) => error(),
    }),
    responseTimeMs: t.exposeInt('responseTimeMs', { description: 'How long the whole exchange took.' }),
    timings: t.expose('timings', { type: AttemptTimings, description: 'How long each phase of it took.' }),
    remoteAddress: t.exposeString('remoteAddress', {
      nullable: true,
      description: 'Of the endpoint, or of the outgoing proxy; null when there was no connection.',
    }),
    isConnectionReused: t.exposeBoolean('isConnectionReused', {
      nullable: true,
      description: 'Whether an earlier exchange used the connection; null when there was none.',
    }),
    httpVersion: t.exposeString('httpVersion', {
      nullable: true,
      description: 'Such as `1.1`; null when there was no connection.',
    }),
    worker: t.exposeString('worker', {
      nullable: true,
      description: 'The process that made the attempt: the name of its machine, a slash, its process id.',
    }),
    request: t.field({
      type: AttemptRequest,
      nullable: true,
      description: 'What was sent; null when no request could be made, or it was erased.',
      async resolve({ deliveryId, attempt, format }, _args, { exchanges }) {
        const { request } = (await exchanges.load(attemptId(deliveryId, attempt)))?.() ?? {}
        return request ? { ...request, deliveryId, format } : null
      },
    }),
    response: t.field({
      type: AttemptResponse,
      nullable: true,
      description: 'What was answered; null when no answer came, or it was erased.',
      resolve: async ({ deliveryId, attempt }, _args, { exchanges }) =>
        (await exchanges.load(attemptId(deliveryId, attempt)))?.().response ?? null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was recorded.' }),
  }),
})
