/** Serves OpenAPI 3.1, made from the same schemas as the validation, and a page to read and try the routes. */
import { STATUS_CODES } from 'node:http'
import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerTransform } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { errorCatalogue } from '../errors.js'
import { version } from '../platform/version.js'
import { withCloudEvents } from './openapi-cloud-events.js'
import { operationalWebhooks } from './openapi-operational-events.js'
import { keepReadable, oneSchemaOfEachShape, withBodyExamples, withRetryAfter } from './openapi-shapes.js'
import { webhooks } from './openapi-webhooks.js'
import { problemBody } from './problem.js'

type ProblemStatus = (typeof errorCatalogue)[keyof typeof errorCatalogue]['status']

/** The problems every route with authentication may answer with. */
const COMMON_PROBLEMS = [400, 401, 403, 429, 500, 503] as const

/** A route that takes POST or PATCH reads a body, even one that wants none. */
export const BODY_PROBLEMS = [413, 415] as const

/** Refusals before routing, see `early-refusals.ts`. Their type is `about:blank`. */
const EARLY_PROBLEMS = [408, 417, 431, 505] as const

/** The route's own answers and its problems. The type has only the own answers, because handlers return only these. */
export function answers<const Own extends Record<number, z.ZodType>>(
  own: Own,
  ...problems: ProblemStatus[]
): Own {
  return { ...own, ...problemAnswers([...problems, ...COMMON_PROBLEMS]) }
}

/** For routes without authentication: a client's only possible mistake is an unknown parameter. */
export const openAnswers = <const Own extends object>(own: Own): Own => ({ ...problemAnswers([400]), ...own })

function problemAnswers(statuses: readonly ProblemStatus[]) {
  const content = { 'application/problem+json': { schema: problemBody } }
  return Object.fromEntries(
    [...statuses, ...EARLY_PROBLEMS].map((status) => [status, { description: titleOf(status), content }]),
  )
}

function titleOf(status: number): string {
  const titles = Object.values(errorCatalogue).filter((entry) => entry.status === status)
  return titles.map(({ title }) => title).join(', ') || `${STATUS_CODES[status]}`
}

const about: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'Node Event Service',
    version,
    description:
      'Accepts events and delivers them as signed webhooks (Standard Webhooks 1.0.0). ' +
      'Another method than those of a path answers 405 with `Allow`.',
    contact: { name: 'The operator of this service' },
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'This service' }],
  tags: [
    { name: 'Events', description: 'What producers publish.' },
    { name: 'Event types', description: 'The catalogue: what events look like.' },
    { name: 'Subscriptions', description: 'Endpoints, and the event types they want.' },
    { name: 'Deliveries', description: 'One event to one subscription.' },
    { name: 'Pull', description: 'Deliveries that consumers take and answer.' },
    { name: 'Replays', description: 'Deliveries once more, and those that were missed.' },
    { name: 'Erasures', description: 'Payloads of many events that are erased for good.' },
    { name: 'Operation', description: 'How the service is doing.' },
  ],
  components: { securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } } },
  security: [{ apiKey: [] }],
  webhooks: { ...webhooks, ...operationalWebhooks },
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
 * Names the scope in the description and as `x-required-scope`. OpenAPI 3.1 allows it in `security`, but linters expect
 * only scopes of OAuth there.
 */
function withScopes(transform: SwaggerTransform): SwaggerTransform {
  return (input) => {
    const scope = input.route.config?.scope
    const { schema, url } = transform(input)
    if (scope === undefined) return { schema, url }
    const description = [schema.description, `Takes a key with the scope \`${scope}\`.`]
      .filter(Boolean)
      .join(' ')
    return { schema: { ...schema, description, 'x-required-scope': scope } as typeof schema, url }
  }
}

export async function describeRoutes(app: FastifyInstance): Promise<void> {
  const zodToJsonConfig = { override: keepReadable }
  const transformObject = createJsonSchemaTransformObject({ zodToJsonConfig })
  await app.register(swagger, {
    openapi: about,
    transform: withScopes(createJsonSchemaTransform({ zodToJsonConfig })),
    transformObject: (document) =>
      withRetryAfter(withBodyExamples(oneSchemaOfEachShape(withCloudEvents(transformObject(document))))),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Node Event Service' },
    staticCSP: contentSecurityPolicy,
    uiConfig: { layout: 'BaseLayout', persistAuthorization: true },
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
}
