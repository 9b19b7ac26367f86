/** Adapts the named shapes of the OpenAPI document to readers and to generators of clients. */
import type { SwaggerTransformObject } from '@fastify/swagger'
import { z } from 'zod'

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>
type Document = ReturnType<SwaggerTransformObject>

/**
 * Zod adds three things; this removes them: the pattern of a format, the bounds of every integer, and
 * `additionalProperties: false` of answers, because answers may grow. Zod leaves out the examples of a transformed
 * input; this restores them, because `/docs` fills them in.
 */
export const keepReadable: Override = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod
  const { examples } = z.globalRegistry.get(zodSchema) ?? {}
  if (Array.isArray(examples)) jsonSchema.examples ??= examples
  if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties
  if ('format' in def) delete jsonSchema.pattern
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
}

const reference = /"#\/components\/schemas\/(\w+)"/g

/**
 * Keeps each used shape once. The library writes every shape twice: as input (with `Input` after its name) and as
 * output. A shape of this service is only one of the two.
 *
 * @throws Error when a shape is both
 */
export function oneSchemaOfEachShape(document: Document): Document {
  const {
    components,
    paths = {},
    webhooks = {},
  } = document as {
    components: { schemas: Record<string, object> }
    paths?: object
    webhooks?: object
  }
  const { schemas } = components
  const used = new Set<string>()
  const follow = (part: object) => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(reference)) {
      if (used.has(name)) continue
      used.add(name)
      follow(schemas[name] ?? {})
    }
  }
  follow({ paths, webhooks })

  const shortName = (name: string) => name.replace(/Input$/, '')
  const names = [...used].sort()
  const shapes = Object.fromEntries(names.map((name) => [shortName(name), schemas[name]]))
  if (Object.keys(shapes).length < names.length) {
    throw new Error(`A shape is both given and answered; give one of the two another name: ${names}`)
  }
  const text = JSON.stringify({ ...document, components: { ...components, schemas: shapes } })
  return JSON.parse(text.replace(reference, (_, name) => `"#/components/schemas/${shortName(name)}"`))
}

interface Media {
  schema?: { $ref?: string }
  example?: unknown
}

interface Operation {
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { content?: Record<string, unknown>; headers?: object }>
}

const operationsOf = ({ paths = {} }: { paths?: object }): Operation[] =>
  Object.values(paths).flatMap((methods) => Object.values<Operation>(methods))

/**
 * Copies the example of each body's shape to the body itself. Some pages and generators do not follow references, and
 * look for the example only there.
 */
export function withBodyExamples(document: Document): Document {
  const { components } = document as { components: { schemas: Record<string, { examples?: unknown[] }> } }
  for (const { requestBody } of operationsOf(document)) {
    for (const media of Object.values(requestBody?.content ?? {})) {
      const name = media.schema?.$ref?.split('/').at(-1) ?? ''
      const [example] = components.schemas[name]?.examples ?? []
      if (example !== undefined) media.example = example
    }
  }
  return document
}

const retryAfter = {
  description: 'Seconds after which it makes sense to try again.',
  schema: { type: 'integer', minimum: 1 },
}

/** Adds `Retry-After` to the problems that carry it: the library drops headers of answers with a content type. */
export function withRetryAfter(document: Document): Document {
  for (const { responses } of operationsOf(document)) {
    for (const status of ['429', '503']) {
      const response = responses[status]
      if (response?.content?.['application/problem+json']) response.headers = { 'Retry-After': retryAfter }
    }
  }
  return document
}
