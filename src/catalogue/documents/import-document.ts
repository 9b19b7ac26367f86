/** Imports a document into the catalogue: each type is registered by itself. */
import { z } from 'zod'
import { badInput, ServiceError } from '../../errors.js'
import { jsonObject } from '../../events/publication.js'
import { EventTypeMode } from '../../generated/prisma/enums.js'
import { parseInput } from '../../platform/input-errors.js'
import { optional } from '../../platform/optional.js'
import { requireOperator } from '../../tenants/viewer.js'
import { checkDepth } from '../check-event-type.js'
import { eventTypeBody, MAX_EVENT_TYPES, MAX_EXAMPLES } from '../event-type.js'
import { type CatalogueContext, registerEventType } from '../register.js'
import { type FoundType, readDocument } from './read-document.js'

export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024

/** The body of `POST /v1/catalogue`. */
export const documentBody = z.strictObject({
  document: jsonObject.meta({
    description: 'OpenAPI 3.1 with `webhooks`, or AsyncAPI with `components.messages`.',
  }),
  mode: optional(z.enum(EventTypeMode)).meta({ description: 'Of each type; `OFF` when it is absent.' }),
})

export interface ImportedType {
  name: string
  /** Null where it was refused. */
  version: number | null
  error: ServiceError | null
}

/** One result for each type of the document, in its order. @throws ServiceError BAD_USER_INPUT */
export async function importCatalogue(
  context: CatalogueContext,
  { document, mode }: z.output<typeof documentBody>,
): Promise<ImportedType[]> {
  requireOperator(context.database)
  checkDepth(document, 'document')
  const found = readDocument(document)
  if (found.length > MAX_EVENT_TYPES)
    throw badInput([{ path: 'document', message: `must have at most ${MAX_EVENT_TYPES} event types` }])
  const imported: ImportedType[] = []
  for (const type of found) imported.push(await importType(context, type, mode))
  return imported
}

async function importType(
  context: CatalogueContext,
  { name, description, examples, readSchema }: FoundType,
  mode: EventTypeMode | undefined,
): Promise<ImportedType> {
  try {
    const input = {
      name,
      description,
      schema: readSchema(),
      dataExamples: examples.slice(0, MAX_EXAMPLES),
      mode,
    }
    const { eventType } = await registerEventType(context, parseInput(eventTypeBody, input))
    return { name, version: eventType.version, error: null }
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    return { name, version: null, error }
  }
}
