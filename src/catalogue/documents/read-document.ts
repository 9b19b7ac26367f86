/**
 * Reads event types from OpenAPI 3.1 (`webhooks`) and AsyncAPI 2 and 3 (messages). A body in the form of this service's
 * webhooks has the schema of `data` in it; the body of another's is the schema of `data` itself.
 */
import { badInput } from '../../errors.js'
import { isJsonObject } from '../../platform/json-object.js'
import { schemaTooLarge } from '../check-event-type.js'
import { MAX_SCHEMA_BYTES, type Schema } from '../schemas/schema.js'
import { mapReferences, movePointer, resolvePointer } from './references.js'

/** What a document says of a type. Nothing of it is checked. */
export interface FoundType {
  name: string
  description: unknown
  examples: unknown[]
  /** @throws ServiceError BAD_USER_INPUT when it is too large with all that it refers to */
  readSchema(): unknown
}

type Part = Record<string, unknown>

/** @throws ServiceError BAD_USER_INPUT when it is neither kind of document */
export function readDocument(document: Part): FoundType[] {
  if (isJsonObject(document.webhooks))
    return entriesOf(document.webhooks).map((entry) => readWebhook(document, entry))
  const messages = resolvePointer(document, '#/components/messages')
  if ('asyncapi' in document && isJsonObject(messages))
    return entriesOf(messages).map((entry) => readMessage(document, entry))
  throw badInput([
    {
      path: 'document',
      message: 'must be OpenAPI 3.1 with `webhooks`, or AsyncAPI with `components.messages`',
    },
  ])
}

function readWebhook(document: Part, [name, item]: [string, unknown]): FoundType {
  const post = follow(document, partOf(follow(document, item).post))
  const body = follow(document, post.requestBody)
  const json = partOf(partOf(body.content)['application/json'])
  const examples = [json.example, ...Object.values(partOf(json.examples)).map((one) => partOf(one).value)]
  // An export has the name there.
  const description = post.description ?? (post.summary === name ? undefined : post.summary)
  return toType(document, { name, description, body: json.schema, examples })
}

function readMessage(document: Part, [key, item]: [string, unknown]): FoundType {
  const message = follow(document, item)
  const listed = Array.isArray(message.examples) ? message.examples : []
  return toType(document, {
    name: typeof message.name === 'string' ? message.name : key,
    description: message.description ?? message.summary ?? message.title,
    // AsyncAPI 3 may name the format beside the schema.
    body: partOf(message.payload).schema ?? message.payload,
    examples: listed.map((one) => partOf(one).payload),
  })
}

interface FoundBody {
  name: string
  description: unknown
  body: unknown
  examples: unknown[]
}

function toType(document: Part, { name, description, body, examples }: FoundBody): FoundType {
  const given = examples.filter((example) => example !== undefined)
  const data = resolvePointer(follow(document, body), '#/properties/payload/properties/data')
  const readSchema = () => toOwnSchema(document, data ?? body)
  const exampleOf = (example: unknown) =>
    data === undefined ? example : resolvePointer(example, '#/payload/data')
  return { name, description, examples: given.map(exampleOf), readSchema }
}

/** Each object and array takes three bytes at least, so that a schema with more of them is too large. */
const MAX_PARTS = MAX_SCHEMA_BYTES / 3

/** A schema whose references led through the document, with what they led to in its own `$defs`. */
function toOwnSchema(document: Part, found: unknown): unknown {
  const root =
    isJsonObject(found) && typeof found.$ref === 'string' && Object.keys(found).length === 1
      ? found.$ref
      : undefined
  const schema = root === undefined ? found : resolvePointer(document, root)
  const definitions = new Map<string, Schema>()
  let parts = 0
  const own = withOwnReferences(schema)
  if (definitions.size === 0 || !isJsonObject(own)) return own
  return { ...own, $defs: { ...partOf(own.$defs), ...Object.fromEntries(definitions) } }

  function withOwnReferences(part: unknown): unknown {
    return mapReferences(part, moved, count)
  }

  function count(): void {
    parts += 1
    if (parts > MAX_PARTS) throw schemaTooLarge('schema')
  }

  function moved(reference: string): string {
    if (root !== undefined && movePointer(reference, root, '#') !== reference)
      return movePointer(reference, root, '#')
    const [, component] = /^#\/components\/schemas\/([^/]+)/.exec(reference) ?? []
    if (component === undefined) return reference
    define(component)
    return movePointer(reference, `#/components/schemas/${component}`, `#/$defs/${component}`)
  }

  function define(component: string): void {
    if (definitions.has(component)) return
    // Known before its own references are followed, because it may refer to itself.
    definitions.set(component, {})
    const definition = withOwnReferences(resolvePointer(document, `#/components/schemas/${component}`))
    definitions.set(component, definition as Schema)
  }
}

/** A part of the document, or what it refers to. */
function follow(document: Part, part: unknown): Part {
  const { $ref } = partOf(part)
  return partOf(typeof $ref === 'string' ? resolvePointer(document, $ref) : part)
}

const partOf = (value: unknown): Part => (isJsonObject(value) ? value : {})
const entriesOf = (part: Part): [string, unknown][] => Object.entries(part)
