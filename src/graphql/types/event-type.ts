import { type documentFormats, exportCatalogue } from '../../catalogue/documents/export-document.js'
import {
  documentBody,
  type ImportedType,
  importCatalogue,
} from '../../catalogue/documents/import-document.js'
import { eventTypeBody, MAX_VERSIONS, MODE_FORM } from '../../catalogue/event-type.js'
import { removeEventType, violationsFor } from '../../catalogue/find.js'
import { registerEventType } from '../../catalogue/register.js'
import { SCHEMA_FORM } from '../../catalogue/schemas/schema.js'
import type { Prisma } from '../../generated/prisma/client.js'
import { EventTypeMode } from '../../generated/prisma/enums.js'
import { EVENT_TYPE_FORM, isEventType } from '../../model/event-type.js'
import { parseInput } from '../../platform/input-errors.js'
import type { Answer } from '../answers.js'
import { builder } from '../builder.js'
import { checkPage, connectionComplexity, DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from '../connection-arguments.js'
import { PayloadJson } from '../payload-json.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'

const EventTypeModeEnum = builder.enumType('EventTypeMode', {
  description: 'What the schema of a type does to an event that it does not allow.',
  values: {
    OFF: { value: EventTypeMode.OFF, description: 'Nothing.' },
    WARN: { value: EventTypeMode.WARN, description: 'Counts it, in `violations` and in the metrics.' },
    ENFORCE: { value: EventTypeMode.ENFORCE, description: 'Refuses it, and counts it, too.' },
  },
})

/** A stored value, which the answer counts. */
function shown(answer: Answer, value: Prisma.JsonValue | object): PayloadJson {
  answer.take(JSON.stringify(value).length)
  return new PayloadJson(value as Prisma.JsonValue)
}

const SchemaViolations = builder.prismaObject('SchemaViolations', {
  description: 'Events that the schema of their type did not allow since it became the newest.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many.' }),
    lastError: t.exposeString('lastError', { description: 'What was wrong with the last one, and where.' }),
    lastAt: t.expose('lastAt', { type: 'DateTime', description: 'When that was.' }),
  }),
})

builder.prismaObject('EventType', {
  description: 'What events of a type are, and what their data looks like.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The `type` of its events.' }),
    description: t.exposeString('description', { nullable: true, description: 'For people.' }),
    schema: t.field({
      type: 'JSONObject',
      description: 'A JSON Schema (2020-12) of `data`.',
      select: { schema: true },
      resolve: ({ schema }, _args, { answer }) => shown(answer, schema),
    }),
    dataExamples: t.field({
      type: ['JSONObject'],
      description: 'Of `data`.',
      complexity: { field: 1, multiplier: 1 },
      select: { dataExamples: true },
      resolve: ({ dataExamples }, _args, { answer }) =>
        (dataExamples as object[]).map((example) => shown(answer, example)),
    }),
    mode: t.expose('mode', {
      type: EventTypeModeEnum,
      description: 'What becomes of events that the schema does not allow.',
    }),
    version: t.exposeInt('version', { description: 'Counts the schemas that the type has had.' }),
    versions: t.relation('versions', {
      description: `The schemas that it has had, the newest first, ${MAX_VERSIONS} at most.`,
      complexity: { field: 1, multiplier: MAX_VERSIONS },
      query: { orderBy: { version: 'desc' } },
    }),
    violations: t.field({
      type: SchemaViolations,
      nullable: true,
      description:
        'Events that the schema did not allow since this version; null without any, and for a key of a tenant.',
      select: { violations: true },
      resolve: ({ violations }, _args, { database }) => violationsFor(database, violations),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was registered first.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
})

builder.prismaObject('EventTypeVersion', {
  description: 'A schema that an event type has or had.',
  fields: (t) => ({
    version: t.exposeInt('version', { description: 'From 1.' }),
    schema: t.field({
      type: 'JSONObject',
      description: 'A JSON Schema (2020-12) of `data`.',
      select: { schema: true },
      resolve: ({ schema }, _args, { answer }) => shown(answer, schema),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Since when.' }),
  }),
})

const CatalogueFormat = builder.enumType('CatalogueFormat', {
  description: 'What the catalogue is written as.',
  values: {
    OPENAPI: { description: 'OpenAPI 3.1, with `webhooks`.' },
    ASYNCAPI: { description: 'AsyncAPI 3.0.' },
  } satisfies Record<(typeof documentFormats)[number], object>,
})

builder.queryFields((t) => ({
  eventType: t.prismaField({
    type: 'EventType',
    nullable: true,
    description: 'A type of the catalogue; null when it has none of this name.',
    args: { name: t.arg.string({ required: true, description: 'Such as `user.created`.' }) },
    resolve: (query, _root, { name }, { database }) =>
      isEventType(name) ? database.prisma.eventType.findUnique({ ...query, where: { name } }) : null,
  }),
  eventTypes: t.prismaConnection(
    {
      type: 'EventType',
      description: 'The types of the catalogue, newest first.',
      cursor: 'id',
      defaultSize: DEFAULT_LIST_SIZE,
      maxSize: MAX_LIST_SIZE,
      complexity: connectionComplexity,
      resolve: (query, _root, page, { database }) => {
        checkPage(page)
        return database.prisma.eventType.findMany({ ...query, orderBy: { id: 'desc' } })
      },
    },
    { name: 'EventTypeConnection', description: 'A page of event types.' },
    { name: 'EventTypeEdge', description: 'An event type in a page.' },
  ),
  catalogue: t.field({
    type: 'JSONObject',
    description: 'All event types as one document.',
    args: {
      format: t.arg({ type: CatalogueFormat, required: true, description: 'Which kind of document.' }),
    },
    resolve: async (_root, { format }, { database, answer }) =>
      shown(answer, await exportCatalogue(database, format)),
  }),
}))

const RegisterEventTypeInput = builder.inputType('RegisterEventTypeInput', {
  description: 'All of a type: what is absent is removed.',
  fields: (t) => ({
    name: t.string({ required: true, description: `The \`type\` of its events: ${EVENT_TYPE_FORM}.` }),
    description: t.string({ description: 'For people.' }),
    schema: t.field({ type: 'JSONObject', required: true, description: SCHEMA_FORM }),
    dataExamples: t.field({ type: ['JSONObject'], description: 'Of `data`; the schema must allow each.' }),
    mode: t.field({ type: EventTypeModeEnum, description: `${MODE_FORM} \`OFF\` when it is absent.` }),
  }),
})

const RegisterEventTypePayload = builder
  .objectRef<Outcome<{ name: string }>>('RegisterEventTypePayload')
  .implement({
    description: 'The type is committed when this answer is given.',
    fields: (t) => ({
      eventType: t.prismaField({
        type: 'EventType',
        nullable: true,
        description: 'As it is now; null when there are errors.',
        resolve: (query, { result }, _args, { database }) =>
          result && database.prisma.eventType.findUnique({ ...query, where: { name: result.name } }),
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const RemoveEventTypePayload = builder
  .objectRef<Outcome<{ name: string }>>('RemoveEventTypePayload')
  .implement({
    description: 'Whether it was removed.',
    fields: (t) => ({
      name: t.string({
        nullable: true,
        description: 'Of the type that was removed; null when there are errors.',
        resolve: ({ result }) => result?.name ?? null,
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const ImportedEventType = builder.objectRef<ImportedType>('ImportedEventType').implement({
  description: 'What became of a type of a document.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As the document calls it.' }),
    version: t.exposeInt('version', { nullable: true, description: 'Null where it was refused.' }),
    error: t.string({
      nullable: true,
      description: 'Why it was refused; null where it was not.',
      resolve: ({ error }) => error?.message ?? null,
    }),
  }),
})

const ImportCataloguePayload = builder
  .objectRef<Outcome<ImportedType[]>>('ImportCataloguePayload')
  .implement({
    description: 'What became of each type of the document.',
    fields: (t) => ({
      items: t.field({
        type: [ImportedEventType],
        description: 'One for each type, in the order of the document.',
        complexity: { field: 1, multiplier: 1 },
        resolve: ({ result }) => result ?? [],
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

builder.mutationFields((t) => ({
  registerEventType: t.field({
    type: RegisterEventTypePayload,
    description:
      'Registers an event type, or changes it. With another schema it gets a new version; events are checked by the ' +
      'newest. The same again changes nothing.',
    args: { input: t.arg({ type: RegisterEventTypeInput, required: true, description: 'The type.' }) },
    resolve: (_root, { input }, context) =>
      outcomeOf(async () => (await registerEventType(context, parseInput(eventTypeBody, input))).eventType),
  }),
  removeEventType: t.field({
    type: RemoveEventTypePayload,
    description: 'Removes an event type from the catalogue. Its events are published as before, unchecked.',
    args: { name: t.arg.string({ required: true, description: 'Of the type.' }) },
    resolve: (_root, { name }, context) =>
      outcomeOf(async () => {
        await removeEventType(context, name)
        return { name }
      }),
  }),
  importCatalogue: t.field({
    type: ImportCataloguePayload,
    description:
      'Registers the event types of a document. A type that is refused keeps no other from being registered.',
    args: {
      document: t.arg({
        type: 'JSONObject',
        required: true,
        description: 'OpenAPI 3.1 with `webhooks`, or AsyncAPI with `components.messages`.',
      }),
      mode: t.arg({ type: EventTypeModeEnum, description: 'Of each type; `OFF` when it is absent.' }),
    },
    resolve: (_root, input, context) =>
      outcomeOf(() => importCatalogue(context, parseInput(documentBody, input))),
  }),
}))
