import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Metrics } from '../../platform/metrics.js'

export const metricsRoutes =
  (metrics: Metrics): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/metrics',
      { schema: { tags: ['Operation'], summary: 'Metrics for Prometheus', security: [] } },
      async (_request, reply) => reply.type(metrics.contentType).send(await metrics.print()),
    )
  }
