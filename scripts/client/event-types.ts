/** Types of event data, from the catalogue as OpenAPI. */
import { compile, type JSONSchema } from 'json-schema-to-typescript'

interface CatalogueDocument {
  webhooks: Record<string, Webhook>
  components: { schemas: Record<string, JSONSchema> }
}

interface Webhook {
  post: {
    description?: string
    requestBody: {
      content: {
        'application/json': {
          schema: { properties: { payload: { properties: { data: { $ref: string } } } } }
        }
      }
    }
  }
}

const HEAD = `/** The data of each event type: written by \`npm run client -- types\`. */
import type { WebhookEvent } from 'node-event-service-client/webhook'
`

const TAIL = `
type Members<Data> = { [Name in keyof Data]: Data[Name] }

/** What \`verifyWebhook\` returns, of a type in the catalogue: \`type\` tells which data it has. */
export type TypedWebhookEvent = {
  [Type in keyof EventData]: WebhookEvent<Members<EventData[Type]>> & { type: Type }
}[keyof EventData]

/** What \`publishEvent\` takes, of a type in the catalogue. */
export type TypedEvent = {
  [Type in keyof EventData]: { type: Type; data: Members<EventData[Type]> }
}[keyof EventData]
`

export async function writeEventTypes(document: CatalogueDocument): Promise<{ text: string; count: number }> {
  const types = Object.entries(document.webhooks)
  const properties = types.map(([name, webhook]) => [name, dataOf(webhook)])
  const schema = {
    ...{ title: 'EventData', type: 'object', additionalProperties: false },
    properties: Object.fromEntries(properties),
    required: types.map(([name]) => name),
    components: { schemas: withNames(document) },
  }
  const text = await compile(schema as JSONSchema, 'EventData', {
    ...{ bannerComment: '', unreachableDefinitions: false },
    // A schema that says nothing of other members allows them. A program knows only what is named.
    additionalProperties: false,
    style: { semi: false, singleQuote: true, printWidth: 110 },
  })
  return { text: HEAD + text + TAIL, count: types.length }
}

const dataOf = ({ post }: Webhook) =>
  post.requestBody.content['application/json'].schema.properties.payload.properties.data

/** Interfaces are called after their titles: those of data by the name of the type, with its description. */
function withNames({ webhooks, components }: CatalogueDocument): Record<string, JSONSchema> {
  const schemas = { ...components.schemas }
  for (const webhook of Object.values(webhooks)) {
    const component = dataOf(webhook).$ref.replace(/^.*\//, '')
    const { description } = webhook.post
    schemas[component] = { ...schemas[component], title: component, ...(description && { description }) }
  }
  return schemas
}
