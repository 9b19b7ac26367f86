/** The named shapes of the OpenAPI document, as a reader and a generator of clients would want them. */
import type { SwaggerTransformObject } from '@fastify/swagger'
import { z } from 'zod'

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>
type Document = ReturnType<SwaggerTransformObject>

/**
 * Leaves out what Zod adds: the pattern of a format, the bounds of every integer, and that answers never grow. Puts
 * back what Zod leaves out: the examples of an input that is transformed, which `/docs` fills in.
 */
export const keepReadable: Override = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod
  const { examples } = z.globalRegistry.get(zodSchema) ?? {}
  if (Array.isArray(examples)) jsonSchema.examples ??= examples
  if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
}

const reference = /"#\/components\/schemas\/(\w+)"/g

/**
 * A document with every shape that it uses, once. The library writes each one twice, as it is given (with
 * `Input` after its name) and as it is answered, and each of ours is only one of the two.
 */
export function oneSchemaOfEachShape(document: Document): Document {
  const { components, paths = {} } = document as {
    components: { schemas: Record<string, object> }
    paths?: object
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
  follow(paths)

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

/**
 * Repeats the example of each body's shape beside the body, where pages and generators that follow no reference look
 * for it.
 */
export function withBodyExamples(document: Document): Document {
  const { paths = {}, components } = document as {
    paths?: Record<string, Record<string, { requestBody?: { content: Record<string, Media> } }>>
    components: { schemas: Record<string, { examples?: unknown[] }> }
  }
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  for (const media of operations.flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}))) {
    const name = media.schema?.$ref?.split('/').at(-1) ?? ''
    const [example] = components.schemas[name]?.examples ?? []
    if (example !== undefined) media.example = example
  }
  return document
}
