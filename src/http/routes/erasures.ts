import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { createErasure, type ErasureContext } from '../../erasures/create.js'
import { findErasure, listErasures } from '../../erasures/find.js'
import { erasureBody } from '../../erasures/input.js'
import { contextFor } from '../auth.js'
import { erasureShape, toErasure } from '../erasure-shapes.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { idParameter, locationHeader, pageOf, pageQuery } from '../shapes.js'

const tags = ['Erasures']

export const erasureRoutes =
  (parts: Omit<ErasureContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/erasures',
      {
        config: { scope: 'manage' },
        schema: {
          tags,
          operationId: 'createErasure',
          summary: 'Erase all events of a tenant, or all that went to a subscription',
          body: erasureBody.meta({ id: 'NewErasure', examples: [{ tenant: 'acme' }] }),
          response: answers(
            {
              202: erasureShape.meta({
                description: 'It runs.',
                headers: locationHeader('/v1/erasures/{id}'),
              }),
            },
            404,
            409,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request, reply) => {
        const erasure = await createErasure(contextFor(request, parts), request.body)
        reply.code(202).header('location', `/v1/erasures/${erasure.id}`)
        return toErasure(erasure)
      },
    )

    app.get(
      '/erasures',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'listErasures',
          summary: 'Erasures, newest first',
          querystring: pageQuery,
          response: answers({
            200: pageOf(erasureShape).meta({ id: 'ErasurePage', description: 'A page of erasures.' }),
          }),
        },
      },
      async ({ query, database }) => {
        const { items, nextCursor } = await listErasures(database, query)
        return { items: items.map(toErasure), nextCursor }
      },
    )

    app.get(
      '/erasures/:id',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'getErasure',
          summary: 'An erasure',
          params: idParameter,
          response: answers({ 200: erasureShape.describe('The erasure.') }, 404),
        },
      },
      async ({ params, database }) => toErasure(await findErasure(database, params.id)),
    )
  }
