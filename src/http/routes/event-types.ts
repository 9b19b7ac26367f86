import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { eventTypeBody } from '../../catalogue/event-type.js'
import { findEventType, listEventTypes, listVersions, removeEventType } from '../../catalogue/find.js'
import { type CatalogueContext, registerEventType } from '../../catalogue/register.js'
import { contextFor } from '../auth.js'
import { eventTypeShape, toEventType, toVersion, versionsShape } from '../catalogue-shapes.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { locationHeader, pageOf, pageQuery } from '../shapes.js'

/** An impossible name is answered with 404, like an unknown one. */
const nameParameter = z.object({ name: z.string().meta({ examples: ['user.created'] }) })

const example = {
  name: 'user.created',
  description: 'Somebody signed up.',
  schema: { type: 'object', required: ['userId'], properties: { userId: { type: 'string' } } },
  dataExamples: [{ userId: 'u_123' }],
  mode: 'ENFORCE',
}

const tags = ['Event types']

export const eventTypeRoutes =
  (parts: Omit<CatalogueContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/event-types',
      {
        config: { scope: 'manage' },
        schema: {
          tags,
          operationId: 'registerEventType',
          summary: 'Register an event type, or change it',
          description:
            'Says all of a type: what is absent is removed. With another schema it gets a new version; events are ' +
            'checked by the newest. The same again changes nothing.',
          body: eventTypeBody.meta({ id: 'NewEventType', examples: [example] }),
          response: answers(
            {
              201: eventTypeShape.meta({
                description: 'Registered.',
                headers: locationHeader('/v1/event-types/{name}'),
              }),
              200: eventTypeShape.describe('It was known; this is what it is now.'),
            },
            409,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request, reply) => {
        const { eventType, isNew } = await registerEventType(contextFor(request, parts), request.body)
        if (isNew) reply.code(201).header('location', `/v1/event-types/${eventType.name}`)
        return toEventType(eventType, request.database)
      },
    )

    app.get(
      '/event-types',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'listEventTypes',
          summary: 'Event types, newest first',
          querystring: pageQuery,
          response: answers({
            200: pageOf(eventTypeShape).meta({ id: 'EventTypePage', description: 'A page of event types.' }),
          }),
        },
      },
      async ({ query, database }) => {
        const { items, nextCursor } = await listEventTypes(database, query)
        return { items: items.map((row) => toEventType(row, database)), nextCursor }
      },
    )

    app.get(
      '/event-types/:name',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'getEventType',
          summary: 'An event type',
          params: nameParameter,
          response: answers({ 200: eventTypeShape.describe('The event type.') }, 404),
        },
      },
      async ({ params, database }) => toEventType(await findEventType(database, params.name), database),
    )

    app.get(
      '/event-types/:name/versions',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'listEventTypeVersions',
          summary: 'The schemas that an event type has had',
          params: nameParameter,
          response: answers({ 200: versionsShape.describe('The versions, newest first.') }, 404),
        },
      },
      async ({ params, database }) => ({ items: (await listVersions(database, params.name)).map(toVersion) }),
    )

    app.delete(
      '/event-types/:name',
      {
        config: { scope: 'manage' },
        schema: {
          tags,
          operationId: 'removeEventType',
          summary: 'Remove an event type from the catalogue',
          description: 'Its events can be published as before, and are no longer checked.',
          params: nameParameter,
          response: answers({ 204: z.null().describe('Removed.') }, 404),
        },
      },
      async (request, reply) => {
        await removeEventType(contextFor(request, parts), request.params.name)
        return reply.code(204).send(null)
      },
    )
  }
