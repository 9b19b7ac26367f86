import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { withWaitingFor } from '../../deliveries/waiting-for.js'
import { cancelEvent } from '../../events/cancel.js'
import { eraseEvent } from '../../events/erase.js'
import { findEvent, summarizeEvent } from '../../events/find.js'
import { checkIdempotencyKey, publicationBody, readPublication } from '../../events/publication.js'
import type { Publisher } from '../../events/publish.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import { contextFor } from '../auth.js'
import { parseCloudEvents, readCloudEvent } from '../cloud-event-body.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import {
  cancelledEventShape,
  erasedEventShape,
  eventShape,
  eventText,
  idParameter,
  locationHeader,
  publishedShape,
  summaryShape,
  timesOfEvent,
} from '../shapes.js'

interface EventContext {
  publisher: Publisher
  serviceEvents: ServiceEvents
}

/** Status codes of requests refused before the publisher. The publisher itself emits an event for all others. */
const refusals = new Set([400, 413, 415])

export const newEvent = publicationBody.meta({
  id: 'NewEvent',
  examples: [{ type: 'user.created', data: { userId: 'u_123' }, metadata: { source: 'auth-service' } }],
})

export const eventRoutes =
  ({ publisher, serviceEvents }: EventContext): FastifyPluginAsyncZod =>
  async (app) => {
    parseCloudEvents(app)
    app.post(
      '/events',
      {
        config: { scope: 'publish' },
        onResponse: (_request, { statusCode }, done) => {
          if (refusals.has(statusCode)) serviceEvents.emit('ingested', { result: 'rejected', count: 1 })
          done()
        },
        preValidation: readCloudEvent,
        schema: {
          tags: ['Events'],
          operationId: 'publishEvent',
          summary: 'Publish an event',
          description:
            'Answers only after the event is committed. With an idempotency key, in the header or as ' +
            '`eventId`, the same content again answers 200 with the first event and delivers nothing twice. ' +
            'Takes CloudEvents 1.0, too: in structured mode, or in binary mode with the attributes as headers (`ce-id`, ' +
            '`ce-source`, …) and `data` as the body. `source` and `id` are then the idempotency key.',
          headers: z.looseObject({
            // Only for OpenAPI. Node.js gives names in lower case, so this checks nothing.
            'Idempotency-Key': z
              .string()
              .optional()
              .meta({
                description: 'Makes it safe to send the event again: 1 to 255 printable ASCII characters.',
                ...{ minLength: 1, maxLength: 255, pattern: '^[!-~]([ -~]*[!-~])?$' },
              }),
          }),
          body: newEvent,
          response: answers(
            {
              202: publishedShape.meta({
                description: 'Accepted, and committed. `Location` names the event.',
                headers: locationHeader('/v1/events/{id}'),
              }),
              200: publishedShape.meta({
                description: 'Accepted before: the event that has this idempotency key.',
                headers: locationHeader('/v1/events/{id}'),
              }),
            },
            ...BODY_PROBLEMS,
            422,
          ),
        },
      },
      async (request, reply) => {
        const header = request.headers['idempotency-key']
        const headerKey = header === undefined ? undefined : checkIdempotencyKey(header)
        const { body, bodyText, database } = request
        const published = await publisher.publish(readPublication(body, bodyText, headerKey, database))
        reply.code(published.deduplicated ? 200 : 202).header('location', `/v1/events/${published.eventId}`)
        return published
      },
    )

    app.get(
      '/events/:id',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Events'],
          operationId: 'getEvent',
          summary: 'An event, with its deliveries and their logs',
          params: idParameter,
          response: answers({ 200: eventShape.describe('The event.') }, 404),
        },
      },
      async ({ params, database }, reply) => {
        const event = await findEvent(database, params.id)
        const deliveries = await withWaitingFor(database, event.deliveries)
        const text = eventText({ ...event, deliveries }, database)
        return reply.type('application/json; charset=utf-8').send(text as never)
      },
    )

    app.get(
      '/events/:id/summary',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Events'],
          operationId: 'getEventSummary',
          summary: 'Where an event stands',
          params: idParameter,
          response: answers({ 200: summaryShape.describe('The summary.') }, 404),
        },
      },
      async ({ params, database }) => {
        const summary = await summarizeEvent(database, params.id)
        return {
          ...summary,
          ...timesOfEvent(summary),
          nextRunAt: summary.nextRunAt?.toISOString() ?? null,
        }
      },
    )

    app.post(
      '/events/:id/cancel',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Events'],
          operationId: 'cancelEvent',
          summary: 'Cancel an event that is SCHEDULED',
          description: 'It is never delivered. Cancelling it once more is answered in the same way.',
          params: idParameter,
          response: answers(
            { 200: cancelledEventShape.describe('It is cancelled.') },
            404,
            409,
            ...BODY_PROBLEMS,
          ),
        },
      },
      (request) => cancelEvent(contextFor(request, { serviceEvents }), request.params.id),
    )

    app.post(
      '/events/:id/erase',
      {
        config: { scope: 'manage' },
        schema: {
          tags: ['Events'],
          operationId: 'eraseEvent',
          summary: 'Erase the payload of an event',
          description:
            'Its `data` and `metadata` are gone, and what its attempts kept of requests and answers. Its history stays. ' +
            'Erasing it once more is answered in the same way. 409 while it has open deliveries, or is to get some.',
          params: idParameter,
          response: answers({ 200: erasedEventShape.describe('It is erased.') }, 404, 409, ...BODY_PROBLEMS),
        },
      },
      async (request) => {
        const { id, erasedAt } = await eraseEvent(contextFor(request, { serviceEvents }), request.params.id)
        return { id, erasedAt: erasedAt.toISOString() }
      },
    )
  }
