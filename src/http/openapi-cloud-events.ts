/** Describes in OpenAPI that events are also published as CloudEvents, in another type of body of the same route. */
import type { SwaggerTransformObject } from '@fastify/swagger'
import { z } from 'zod'
import { MAX_ATTRIBUTE_NAME_LENGTH } from '../model/cloud-event.js'
import { eventType } from '../model/event-type.js'
import { tenant } from '../model/tenant.js'
import { withoutControls } from '../platform/postgres/postgres-text.js'
import { STRUCTURED_TYPE } from './cloud-event-body.js'
import { anyObject } from './shapes.js'

type Document = ReturnType<SwaggerTransformObject>

const example = {
  ...{ specversion: '1.0', id: 'signup-7', source: 'https://shop.example.com/signups', type: 'user.created' },
  data: { userId: 'u_123' },
}

/** Of the characters that no attribute may hold, those that a pattern can say. */
const pattern = withoutControls('\\ufdd0-\\ufdef\\ufffe\\uffff')
const text = (description?: string) =>
  z
    .string()
    .min(1)
    .meta({ pattern, ...(description && { description }) })
const extension = z.union([z.string().meta({ pattern }), z.boolean(), z.int32()]).nullable()

/** Named in the document by its id, like the shapes of the routes. `src/events/cloud-event.ts` checks what comes in. */
z.object({
  specversion: z.literal('1.0'),
  id: text('With `source` it is the idempotency key.'),
  source: text('A URI-reference. What none may hold is percent-encoded.'),
  type: eventType,
  time: z.string().nullish().meta({ format: 'date-time', description: 'Becomes `createdAt`.' }),
  datacontenttype: z
    .literal('application/json')
    .nullish()
    .meta({ description: '`application/json`, as when it is absent.' }),
  subject: text().nullish(),
  tenant: tenant.nullish().meta({ description: 'An extension: whose event it is.' }),
  dataschema: z
    .string()
    .meta({
      pattern: '^[A-Za-z][A-Za-z0-9+.-]*:',
      description: 'A URI. What none may hold is percent-encoded.',
    })
    .nullish(),
  data: anyObject,
})
  .catchall(extension)
  .meta({
    id: 'NewCloudEvent',
    propertyNames: { pattern: `^[a-z0-9]{1,${MAX_ATTRIBUTE_NAME_LENGTH}}$` },
    description: 'CloudEvents 1.0, in structured mode. Extensions are further members.',
    examples: [example],
  })

interface WithEvents {
  paths?: Record<string, { post?: { requestBody?: { content: Record<string, object> } } }>
}

export function withCloudEvents(document: Document): Document {
  const content = (document as WithEvents).paths?.['/v1/events']?.post?.requestBody?.content
  if (content !== undefined)
    content[STRUCTURED_TYPE] = { schema: { $ref: '#/components/schemas/NewCloudEvent' }, example }
  return document
}
