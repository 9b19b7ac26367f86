import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { findEvent, summarizeEvent } from '../../events/find.js'
import { checkIdempotencyKey, publicationBody, readPublication } from '../../events/publication.js'
import type { Publisher } from '../../events/publish.js'
import type { Database } from '../../platform/database.js'
import { answers } from '../openapi.js'
import { eventShape, idParameter, publishedShape, summaryShape, toEvent } from '../shapes.js'

export const eventRoutes =
  ({ database, publisher }: { database: Database; publisher: Publisher }): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/events',
      {
        schema: {
          tags: ['Events'],
          summary: 'Publish an event',
          description:
            'Answers only after the event is committed. With an idempotency key, in the header or as ' +
            '`eventId`, the same content again answers 200 with the first event and delivers nothing twice.',
          headers: z.looseObject({
            'idempotency-key': z.string().optional().meta({ description: '1 to 255 printable characters' }),
          }),
          body: publicationBody,
          response: answers({ 202: publishedShape, 200: publishedShape }, 400, 413, 415, 422, 503),
        },
      },
      async (request, reply) => {
        const header = request.headers['idempotency-key']
        const headerKey = header === undefined ? undefined : checkIdempotencyKey(header)
        const published = await publisher.publish(readPublication(request.body, request.bodyText, headerKey))
        reply.code(published.deduplicated ? 200 : 202).header('location', `/v1/events/${published.eventId}`)
        return published
      },
    )

    app.get(
      '/events/:id',
      {
        schema: {
          tags: ['Events'],
          summary: 'An event, with its deliveries and their logs',
          params: idParameter,
          response: answers({ 200: eventShape }, 404),
        },
      },
      async ({ params }) => toEvent(await findEvent(database, params.id)),
    )

    app.get(
      '/events/:id/summary',
      {
        schema: {
          tags: ['Events'],
          summary: 'Where an event stands',
          params: idParameter,
          response: answers({ 200: summaryShape }, 404),
        },
      },
      async ({ params }) => {
        const { createdAt, updatedAt, nextRunAt, ...summary } = await summarizeEvent(database, params.id)
        return {
          ...summary,
          createdAt: createdAt.toISOString(),
          updatedAt: updatedAt.toISOString(),
          nextRunAt: nextRunAt?.toISOString() ?? null,
        }
      },
    )
  }
