/** Finds, lists and removes event types. */
import { ServiceError } from '../errors.js'
import type { Prisma } from '../generated/prisma/client.js'
import { isEventType } from '../model/event-type.js'
import { type Page, type PageRequest, pageArguments, toPage } from '../platform/paging.js'
import { requireOperator, type Viewer } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import type { CatalogueContext } from './register.js'

export const eventTypeFields = {
  ...{ id: true, name: true, description: true, schema: true, dataExamples: true, mode: true, version: true },
  ...{ createdAt: true, updatedAt: true },
  violations: { select: { count: true, lastError: true, lastAt: true } },
} satisfies Prisma.EventTypeSelect

export type VisibleEventType = Prisma.EventTypeGetPayload<{ select: typeof eventTypeFields }>

export type EventTypeVersion = Pick<
  Prisma.EventTypeVersionGetPayload<object>,
  'version' | 'schema' | 'createdAt'
>

/** They count the events of all tenants, so a viewer of one tenant sees none. */
export const violationsFor = <Violations>(viewer: Viewer, violations: Violations): Violations | null =>
  viewer.tenant === null ? violations : null

/** @throws ServiceError NOT_FOUND */
export async function findEventType({ prisma }: VisibleDatabase, name: string): Promise<VisibleEventType> {
  requirePossible(name)
  const eventType = await prisma.eventType.findUnique({ where: { name }, select: eventTypeFields })
  if (eventType === null) throw unknownType(name)
  return eventType
}

/** Newest first. */
export async function listEventTypes(
  { prisma }: VisibleDatabase,
  page: PageRequest,
): Promise<Page<VisibleEventType>> {
  const rows = await prisma.eventType.findMany({ ...pageArguments(page), select: eventTypeFields })
  return toPage(rows, page.limit)
}

/** Newest first. @throws ServiceError NOT_FOUND */
export async function listVersions({ prisma }: VisibleDatabase, name: string): Promise<EventTypeVersion[]> {
  requirePossible(name)
  const eventType = await prisma.eventType.findUnique({
    where: { name },
    select: {
      versions: { select: { version: true, schema: true, createdAt: true }, orderBy: { version: 'desc' } },
    },
  })
  if (eventType === null) throw unknownType(name)
  return eventType.versions
}

/** Its events are then published unchecked. @throws ServiceError NOT_FOUND, FORBIDDEN */
export async function removeEventType(
  { database, onCatalogueChanged }: CatalogueContext,
  name: string,
): Promise<void> {
  requireOperator(database)
  requirePossible(name)
  await database.prisma.$transaction(async (transaction) => {
    const eventType = await transaction.eventType.findUnique({ where: { name }, select: { id: true } })
    if (eventType === null) throw unknownType(name)
    await transaction.eventType.delete({ where: { id: eventType.id } })
  })
  await onCatalogueChanged()
}

function requirePossible(name: string): void {
  if (!isEventType(name)) throw unknownType(name)
}

const unknownType = (name: string): ServiceError =>
  new ServiceError('NOT_FOUND', `The catalogue has no event type ${JSON.stringify(name.slice(0, 128))}.`)
