/** OpenAPI 3.1 of the routes, from the schemas that validate them, and a page to read and try it. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { errorCatalogue } from '../errors.js'
import { version } from '../platform/version.js'
import { problemBody } from './problem.js'

type ProblemStatus = (typeof errorCatalogue)[keyof typeof errorCatalogue]['status']
type Problem = typeof problemBody

/** A route's answers: those of its own, and the problems that it may answer with, 401 and 500 always among them. */
export function answers<const Own extends Record<number, z.ZodType>, const Status extends ProblemStatus>(
  own: Own,
  ...problems: Status[]
): Own & Record<Status | 401 | 500, Problem> {
  const statuses = [...problems, 401, 500] as const
  const described = statuses.map((status) => [status, problemBody.describe(titleOf(status))])
  return { ...own, ...Object.fromEntries(described) }
}

function titleOf(status: number): string {
  const titles = Object.values(errorCatalogue).filter((entry) => entry.status === status)
  return titles.map(({ title }) => title).join(', ')
}

export async function describeRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Node Event Service',
        version,
        description: 'Accepts events and delivers them as signed webhooks (Standard Webhooks 1.0.0).',
      },
      components: { securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } } },
      security: [{ apiKey: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
