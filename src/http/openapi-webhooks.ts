/** Describes in OpenAPI what endpoints get: the body and the headers of a webhook. The engine makes both. */
import { z } from 'zod'
import { eventType } from '../model/event-type.js'
import { anyObject, id, time } from './shapes.js'

/** Named in the document by its id, like the shapes of the routes. */
z.object({
  id: id.meta({ description: 'The id of the event, the same on every attempt.' }),
  type: eventType,
  createdAt: time.meta({ description: "The producer's time, or the time of acceptance." }),
  payload: z.object({
    data: anyObject,
    metadata: anyObject.nullable().meta({ description: 'Null when the producer gave none.' }),
  }),
}).meta({ id: 'Webhook', description: 'The body of a webhook.' })

z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().meta({ description: 'With `source` it names the event.' }),
  source: z.string().meta({ format: 'uri-reference' }),
  type: eventType,
  time,
  datacontenttype: z.literal('application/json'),
  subject: z.string().optional(),
  dataschema: z.string().optional().meta({ format: 'uri' }),
  data: anyObject,
}).meta({ id: 'CloudEvent', description: 'CloudEvents 1.0, with extensions as further members.' })

const example = {
  id: '019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f',
  type: 'user.created',
  createdAt: '2026-01-31T18:20:43.400Z',
  payload: { data: { userId: 'u_123' }, metadata: { source: 'auth-service' } },
}

const cloudEventExample = {
  ...{ specversion: '1.0', id: example.id, source: 'auth-service', type: example.type },
  ...{ time: example.createdAt, datacontenttype: 'application/json', data: example.payload.data },
}

const header = (name: string, description: string, form: { format?: string; pattern?: string }) => ({
  ...{ name, description, schema: { type: 'string' as const, ...form } },
  in: 'header' as const,
  required: true,
})

const SIGNATURE = '(v1,[A-Za-z0-9+/]{43}=|v1a,[A-Za-z0-9+/]{86}==)'

export const webhooks = {
  event: {
    post: {
      operationId: 'receiveEvent',
      summary: 'An event, posted to the endpoint of each subscription that wants it',
      description:
        'Signed as Standard Webhooks 1.0.0 say. Delivery is at least once, and in the order of an `orderingKey` only ' +
        'where the subscription has `isOrdered`: drop what came before by `webhook-id`. Every answer but 2xx and 410 is retried, redirects included. Subscriptions with the format ' +
        '`CLOUDEVENTS_STRUCTURED` get a `CloudEvent`; with `CLOUDEVENTS_BINARY` the body is its `data`, and its other ' +
        'attributes are headers: `ce-id`, `ce-source`, …',
      tags: ['Deliveries'],
      security: [],
      parameters: [
        header('webhook-id', 'The id of the event, the same on every attempt.', {
          format: 'uuid',
        }),
        header('webhook-timestamp', 'When this attempt was made, in Unix seconds.', {
          pattern: '^[0-9]+$',
        }),
        header(
          'webhook-signature',
          'Signatures of `{webhook-id}.{webhook-timestamp}.{body}` in base64, with spaces between them: `v1`, by ' +
            'HMAC-SHA256, for each valid secret, and `v1a`, by Ed25519, for each valid key pair; the newest first.',
          { pattern: `^${SIGNATURE}( ${SIGNATURE})*$` },
        ),
        header('user-agent', 'This service and its version.', {
          pattern: '^node-event-service/',
        }),
      ],
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: { $ref: '#/components/schemas/Webhook' }, example },
          'application/cloudevents+json': {
            schema: { $ref: '#/components/schemas/CloudEvent' },
            example: cloudEventExample,
          },
        },
      },
      responses: {
        '2XX': { description: 'Delivered. At most 16 KiB of the answer are read.' },
        '410': {
          description: 'The endpoint is gone: the delivery becomes DEAD and the subscription is disabled.',
        },
        '4XX': { description: 'Retried until the attempts are used up.' },
        '5XX': {
          description: 'Retried until the attempts are used up.',
          headers: {
            'Retry-After': {
              description: 'Lengthens the wait, up to 24 hours, on 429, 502, 503 and 504: seconds or a date.',
              schema: { type: 'string' as const },
            },
          },
        },
      },
    },
  },
}
