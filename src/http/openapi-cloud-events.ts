/** Describes in OpenAPI that events are also published as CloudEvents, in another type of body of the same route. */
import type { SwaggerTransformObject } from '@fastify/swagger'
import { z } from 'zod'
import { eventType } from '../model/event-type.js'
import { STRUCTURED_TYPE } from './cloud-event-body.js'
import { anyObject } from './shapes.js'

type Document = ReturnType<SwaggerTransformObject>

const example = {
  ...{ specversion: '1.0', id: 'signup-7', source: 'https://shop.example.com/signups', type: 'user.created' },
  data: { userId: 'u_123' },
}

/** Named in the document by its id, like the shapes of the routes. `src/events/cloud-event.ts` checks what comes in. */
z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1).meta({ description: 'With `source` it is the idempotency key.' }),
  source: z.string().min(1).meta({ format: 'uri-reference' }),
  type: eventType,
  time: z.string().optional().meta({ format: 'date-time', description: 'Becomes `createdAt`.' }),
  datacontenttype: z.string().optional().meta({ description: '`application/json`, as when it is absent.' }),
  subject: z.string().min(1).optional(),
  dataschema: z.string().optional().meta({ format: 'uri' }),
  data: anyObject,
}).meta({
  id: 'NewCloudEvent',
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
