import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { previewBody, previewFilter } from '../../events/preview-filter.js'
import type { Clock } from '../../platform/clock.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { previewShape } from '../subscription-shapes.js'

export const filterRoutes =
  (parts: { clock: Clock }): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/filters/preview',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['Subscriptions'],
          operationId: 'previewFilter',
          summary: 'Try a filter on an event',
          description:
            'Takes a stored event by `eventId`, or an `event` as it would be published. Delivers nothing. 409 for a stored ' +
            'event whose payload was erased.',
          body: previewBody.meta({
            id: 'FilterToPreview',
            examples: [
              { filter: 'data.amount > 100', event: { type: 'order.created', data: { amount: 120 } } },
            ],
          }),
          response: answers(
            { 200: previewShape.describe('What the filter says.') },
            404,
            409,
            ...BODY_PROBLEMS,
          ),
        },
      },
      async (request) => previewFilter(contextFor(request, parts), request.body),
    )
  }
