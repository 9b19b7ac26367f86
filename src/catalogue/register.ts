/** Registers event types: a type gets a new version with each new schema. */
import { ServiceError } from '../errors.js'
import { canonicalJson } from '../events/canonical-json.js'
import type { RawJson } from '../events/raw-json.js'
import type { EventType, Prisma } from '../generated/prisma/client.js'
import type { Clock } from '../platform/clock.js'
import { requireOperator } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { type CheckedEventType, checkEventType } from './check-event-type.js'
import { MAX_EVENT_TYPES, MAX_VERSIONS, type NewEventType } from './event-type.js'
import { eventTypeFields, type VisibleEventType } from './find.js'

export interface CatalogueContext {
  database: VisibleDatabase
  clock: Clock
  newId(): string
  /** Called after each commit. Resolves when this process checks events by the change. */
  onCatalogueChanged(): Promise<void>
}

export interface Registered {
  eventType: VisibleEventType
  isNew: boolean
}

/**
 * The answer is committed. The same input again changes nothing.
 *
 * @throws ServiceError BAD_USER_INPUT for a wrong schema or example; CONFLICT when the catalogue is full; FORBIDDEN
 */
export async function registerEventType(context: CatalogueContext, input: NewEventType): Promise<Registered> {
  requireOperator(context.database)
  const wanted = await checkEventType(input)
  const registered = await context.database.prisma.$transaction(async (transaction) => {
    await lockCatalogue(transaction)
    const known = await transaction.eventType.findUnique({ where: { name: wanted.name } })
    const id =
      known === null
        ? await create(transaction, context, wanted)
        : await change(transaction, context, known, wanted)
    const eventType = await transaction.eventType.findUniqueOrThrow({
      where: { id },
      select: eventTypeFields,
    })
    return { eventType, isNew: known === null }
  })
  await context.onCatalogueChanged()
  return registered
}

/** One registration at a time, until the end of the transaction. No other lock has this number. */
const lockCatalogue = (transaction: Prisma.TransactionClient) =>
  transaction.$executeRaw`select pg_advisory_xact_lock(7152063921)`

type Context = Pick<CatalogueContext, 'clock' | 'newId'>

async function create(
  transaction: Prisma.TransactionClient,
  { clock, newId }: Context,
  wanted: CheckedEventType,
): Promise<string> {
  if ((await transaction.eventType.count()) >= MAX_EVENT_TYPES) throw fullCatalogue()
  const [id, now, version] = [newId(), clock.now(), 1]
  await transaction.eventType.create({
    data: { id, ...columnsOf(wanted), version, createdAt: now, updatedAt: now },
  })
  await addVersion(transaction, { id, version, now, schema: wanted.schema })
  return id
}

const fullCatalogue = (): ServiceError =>
  new ServiceError(
    'CONFLICT',
    `The catalogue is full: it holds ${MAX_EVENT_TYPES} event types. Remove one that is no longer published.`,
  )

async function change(
  transaction: Prisma.TransactionClient,
  { clock }: Context,
  known: EventType,
  wanted: CheckedEventType,
): Promise<string> {
  const { id } = known
  const hasNewSchema = !isEqualJson(known.schema, wanted.schema)
  if (!hasNewSchema && isEqual(known, wanted)) return id
  const now = clock.now()
  const version = known.version + (hasNewSchema ? 1 : 0)
  await transaction.eventType.update({
    where: { id },
    data: { ...columnsOf(wanted), version, updatedAt: now },
  })
  if (hasNewSchema) {
    await addVersion(transaction, { id, version, now, schema: wanted.schema })
    await transaction.eventTypeVersion.deleteMany({
      where: { typeId: id, version: { lte: version - MAX_VERSIONS } },
    })
    await transaction.schemaViolations.deleteMany({ where: { typeId: id } })
  }
  return id
}

interface NewVersion {
  id: string
  version: number
  schema: string
  now: Date
}

const addVersion = (transaction: Prisma.TransactionClient, { id, version, schema, now }: NewVersion) =>
  transaction.eventTypeVersion.create({
    data: { typeId: id, version, schema: JSON.parse(schema), createdAt: now },
  })

const columnsOf = ({ name, description, mode, schema, dataExamples }: CheckedEventType) => ({
  ...{ name, description, mode },
  schema: JSON.parse(schema),
  dataExamples: JSON.parse(dataExamples),
})

const isEqual = (known: EventType, { description, mode, dataExamples }: CheckedEventType): boolean =>
  known.description === description && known.mode === mode && isEqualJson(known.dataExamples, dataExamples)

const isEqualJson = (known: unknown, wanted: string): boolean =>
  canonicalJson(JSON.stringify(known) as RawJson) === canonicalJson(wanted as RawJson)
