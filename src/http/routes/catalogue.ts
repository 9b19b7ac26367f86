/** The whole catalogue as one document, out and in. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type documentFormats, exportCatalogue } from '../../catalogue/documents/export-document.js'
import {
  documentBody,
  importCatalogue,
  MAX_DOCUMENT_BYTES,
} from '../../catalogue/documents/import-document.js'
import type { CatalogueContext } from '../../catalogue/register.js'
import { contextFor } from '../auth.js'
import { anyObject } from '../basic-shapes.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { problemBody, toProblem } from '../problem.js'

const formatNames = ['openapi', 'asyncapi'] as const satisfies Lowercase<(typeof documentFormats)[number]>[]

const formatQuery = z.strictObject({
  format: z.enum(formatNames, { error: `must be one of ${formatNames.join(', ')}` }).default('openapi'),
})

const importedShape = z
  .object({
    items: z.array(
      z.object({
        name: z.string(),
        version: z.int().nullable().meta({ description: 'Null where it was refused.' }),
        error: problemBody.optional(),
      }),
    ),
  })
  .meta({
    id: 'ImportedCatalogue',
    description: 'One item for each event type of the document, in its order.',
  })

const example = {
  document: {
    openapi: '3.1.0',
    info: { title: 'Shop', version: '1.0.0' },
    webhooks: {
      'order.created': {
        post: {
          requestBody: {
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: ['orderId'],
                  properties: { orderId: { type: 'string' } },
                },
              },
            },
          },
          responses: { 200: { description: 'Received.' } },
        },
      },
    },
  },
}

const tags = ['Event types']

export const catalogueRoutes =
  (parts: Omit<CatalogueContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/catalogue',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'exportCatalogue',
          summary: 'All event types as one document',
          description:
            'OpenAPI 3.1 with `webhooks`, or AsyncAPI 3.0: for generators of types, and for readers.',
          querystring: formatQuery,
          response: answers({ 200: anyObject.describe('The document.') }),
        },
      },
      async ({ query: { format }, database }) =>
        exportCatalogue(database, format === 'openapi' ? 'OPENAPI' : 'ASYNCAPI') as Promise<
          Record<string, unknown>
        >,
    )

    app.post(
      '/catalogue',
      {
        config: { scope: 'manage' },
        bodyLimit: MAX_DOCUMENT_BYTES,
        schema: {
          tags,
          operationId: 'importCatalogue',
          summary: 'Register the event types of a document',
          description:
            'Takes the `webhooks` of OpenAPI 3.1 and the messages of AsyncAPI. A type that is refused keeps no other ' +
            'from being registered.',
          body: documentBody.meta({ id: 'CatalogueDocument', examples: [example] }),
          response: answers({ 200: importedShape.describe('What became of each type.') }, ...BODY_PROBLEMS),
        },
      },
      async (request) => {
        const imported = await importCatalogue(contextFor(request, parts), request.body)
        return {
          items: imported.map(({ name, version, error }) => ({
            ...{ name, version },
            ...(error && { error: toProblem(error) }),
          })),
        }
      },
    )
  }
