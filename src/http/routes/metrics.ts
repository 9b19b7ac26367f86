import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Metrics } from '../../telemetry/metrics.js'
import { openAnswers } from '../openapi.js'

export const metricsRoutes =
  (metrics: Metrics): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/metrics',
      {
        schema: {
          tags: ['Operation'],
          operationId: 'getMetrics',
          summary: 'Metrics for Prometheus',
          security: [],
          description: 'In the text format of Prometheus 0.0.4. Takes no key.',
          response: openAnswers({
            200: { description: 'The metrics.', content: { 'text/plain': { schema: z.string() } } },
          }),
        },
      },
      async (_request, reply) => reply.type(metrics.contentType).send(await metrics.print()),
    )
  }
