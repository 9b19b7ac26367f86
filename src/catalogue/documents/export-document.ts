/** Exports the catalogue: as OpenAPI 3.1 with `webhooks`, or as AsyncAPI 3.0. Generators read both. */
import type { VisibleDatabase } from '../../tenants/visible-database.js'
import { eventTypeFields } from '../find.js'
import { type DescribedType, describeTypes } from './described-types.js'

export const documentFormats = ['OPENAPI', 'ASYNCAPI'] as const
export type DocumentFormat = (typeof documentFormats)[number]

/** The types in the order of their names. At most `MAX_EVENT_TYPES` of them. */
export async function exportCatalogue({ prisma }: VisibleDatabase, format: DocumentFormat): Promise<object> {
  const rows = await prisma.eventType.findMany({ orderBy: { name: 'asc' }, select: eventTypeFields })
  const types = describeTypes(rows)
  return format === 'OPENAPI' ? toOpenApi(types) : toAsyncApi(types)
}

const info = {
  title: 'Events',
  version: '1.0.0',
  description: 'What is published, and delivered as webhooks.',
}

const byComponent = <Value>(types: DescribedType[], toValue: (type: DescribedType) => Value) =>
  Object.fromEntries(types.map((type) => [type.component, toValue(type)]))

const toOpenApi = (types: DescribedType[]) => ({
  openapi: '3.1.0',
  info,
  webhooks: Object.fromEntries(types.map((type) => [type.name, toWebhook(type)])),
  components: { schemas: byComponent(types, ({ data }) => data) },
})

const toWebhook = ({ name, description, webhook, examples, version }: DescribedType) => ({
  post: {
    operationId: name,
    summary: name,
    ...(description !== undefined && { description }),
    'x-version': version,
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: webhook,
          ...(examples.length > 0 && {
            examples: Object.fromEntries(examples.map((value, index) => [`example${index + 1}`, { value }])),
          }),
        },
      },
    },
    responses: { '2XX': { description: 'Received. Everything else is retried.' } },
  },
})

const toAsyncApi = (types: DescribedType[]) => ({
  asyncapi: '3.0.0',
  info,
  defaultContentType: 'application/json',
  channels: {
    webhooks: {
      description: 'Webhooks, sent by POST to the endpoint of a subscription.',
      messages: byComponent(types, ({ component }) => ({ $ref: `#/components/messages/${component}` })),
    },
  },
  operations: {
    sendWebhook: { action: 'send', channel: { $ref: '#/channels/webhooks' } },
  },
  components: {
    messages: byComponent(types, toMessage),
    schemas: byComponent(types, ({ data }) => data),
  },
})

const toMessage = ({ name, description, webhook, examples, version }: DescribedType) => ({
  name,
  ...(description !== undefined && { description }),
  'x-version': version,
  payload: webhook,
  ...(examples.length > 0 && { examples: examples.map((payload) => ({ payload })) }),
})
