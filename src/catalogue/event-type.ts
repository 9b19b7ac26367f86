/** Event types of the catalogue: what comes in, and the bounds. */
import { z } from 'zod'
import { jsonObject } from '../events/publication.js'
import { EventTypeMode } from '../generated/prisma/enums.js'
import { publishedType } from '../model/event-type.js'
import { optional } from '../platform/optional.js'
import { SCHEMA_FORM } from './schemas/schema.js'

export const MAX_EVENT_TYPES = 1000
/** Of a type; the oldest make room. */
export const MAX_VERSIONS = 100
export const MAX_EXAMPLES = 10
const MAX_DESCRIPTION_LENGTH = 1000

export const MODE_FORM =
  'What the schema does to an event that it does not allow: `OFF` nothing, `WARN` counts it, `ENFORCE` refuses it.'

/** The body of `POST /v1/event-types`. */
export const eventTypeBody = z.strictObject({
  name: publishedType.meta({ description: 'The `type` of its events.' }),
  description: z.string().max(MAX_DESCRIPTION_LENGTH).nullish(),
  schema: jsonObject.meta({ description: SCHEMA_FORM }),
  dataExamples: optional(z.array(jsonObject).max(MAX_EXAMPLES)).meta({
    description: `Of \`data\`, at most ${MAX_EXAMPLES}; the schema must allow each.`,
  }),
  mode: optional(z.enum(EventTypeMode)).meta({ description: `${MODE_FORM} \`OFF\` when it is absent.` }),
})

export type NewEventType = z.output<typeof eventTypeBody>
