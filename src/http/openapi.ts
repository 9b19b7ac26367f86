/** Serves OpenAPI 3.1, made from the same schemas as the validation, and a page to read and try the routes. */
import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerTransform } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { errorCatalogue } from '../errors.js'
import { version } from '../platform/version.js'
import { keepReadable, oneSchemaOfEachShape, withBodyExamples } from './openapi-shapes.js'
import { problemBody } from './problem.js'

type ProblemStatus = (typeof errorCatalogue)[keyof typeof errorCatalogue]['status']

/** The problems every route with authentication may answer with. */
const COMMON_PROBLEMS = [400, 401, 403, 429, 500, 503] as const

/** The route's own answers and its problems. The type has only the own answers, because handlers return only these. */
export function answers<const Own extends Record<number, z.ZodType>>(
  own: Own,
  ...problems: ProblemStatus[]
): Own {
  return { ...own, ...Object.fromEntries([...problems, ...COMMON_PROBLEMS].map(problemAnswer)) }
}

/** For routes without authentication: a client's only possible mistake is an unknown parameter. */
export const unknownParameter = Object.fromEntries([problemAnswer(400)])

function problemAnswer(status: ProblemStatus) {
  const content = { 'application/problem+json': { schema: problemBody } }
  return [status, { description: titleOf(status), content }] as const
}

function titleOf(status: number): string {
  const titles = Object.values(errorCatalogue).filter((entry) => entry.status === status)
  return titles.map(({ title }) => title).join(', ')
}

const about: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'Node Event Service',
    version,
    description: 'Accepts events and delivers them as signed webhooks (Standard Webhooks 1.0.0).',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'This service' }],
  tags: [
    { name: 'Events', description: 'What producers publish.' },
    { name: 'Subscriptions', description: 'Endpoints, and the event types they want.' },
    { name: 'Deliveries', description: 'One event to one subscription.' },
    { name: 'Operation', description: 'How the service is doing.' },
  ],
  components: { securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } } },
  security: [{ apiKey: [] }],
}

/** The page loads nothing from another origin, and sends nothing to one. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "img-src 'self' data:",
  // Swagger UI styles its elements in place.
  "style-src 'self' 'unsafe-inline'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Names the scope in `security`. OpenAPI 3.1 allows names of roles there for every kind of key:
 * https://spec.openapis.org/oas/v3.1.1#security-requirement-object
 */
function withScopes(transform: SwaggerTransform): SwaggerTransform {
  return (input) => {
    const scope = input.route.config?.scope
    const { schema, url } = transform(input)
    if (scope === undefined) return { schema, url }
    const description = [schema.description, `Takes a key with the scope \`${scope}\`.`]
      .filter(Boolean)
      .join(' ')
    return { schema: { ...schema, description, security: [{ apiKey: [scope] }] }, url }
  }
}

export async function describeRoutes(app: FastifyInstance): Promise<void> {
  const zodToJsonConfig = { override: keepReadable }
  const transformObject = createJsonSchemaTransformObject({ zodToJsonConfig })
  await app.register(swagger, {
    openapi: about,
    transform: withScopes(createJsonSchemaTransform({ zodToJsonConfig })),
    transformObject: (document) => withBodyExamples(oneSchemaOfEachShape(transformObject(document))),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Node Event Service' },
    staticCSP: contentSecurityPolicy,
    uiConfig: { layout: 'BaseLayout', persistAuthorization: true },
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
