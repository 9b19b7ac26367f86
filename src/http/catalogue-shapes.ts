/** The answers of the routes of the catalogue. */
import { z } from 'zod'
import { MODE_FORM } from '../catalogue/event-type.js'
import { type EventTypeVersion, type VisibleEventType, violationsFor } from '../catalogue/find.js'
import { EventTypeMode } from '../generated/prisma/enums.js'
import type { Viewer } from '../tenants/viewer.js'
import { anyObject, time } from './basic-shapes.js'

const violationsShape = z.object({ count: z.int(), lastError: z.string(), lastAt: time }).nullable().meta({
  description:
    'Events that the schema did not allow since this version. Null without any, and for a key of a tenant.',
})

export const eventTypeShape = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    schema: anyObject.meta({ description: 'A JSON Schema (2020-12) of `data`.' }),
    dataExamples: z.array(anyObject).meta({ description: 'Of `data`.' }),
    mode: z.enum(EventTypeMode).meta({ description: MODE_FORM }),
    version: z.int().meta({ description: 'Counts the schemas that the type has had.' }),
    violations: violationsShape,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'EventType', description: 'What events of a type are, and what their data looks like.' })

export const versionsShape = z
  .object({ items: z.array(z.object({ version: z.int(), schema: anyObject, createdAt: time })) })
  .meta({ id: 'EventTypeVersions', description: 'The schemas that a type has had, the newest first.' })

export const toEventType = (row: VisibleEventType, viewer: Viewer) => ({
  name: row.name,
  description: row.description,
  schema: row.schema as Record<string, unknown>,
  dataExamples: row.dataExamples as Record<string, unknown>[],
  mode: row.mode,
  version: row.version,
  violations: toViolations(violationsFor(viewer, row.violations)),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})

const toViolations = (violations: VisibleEventType['violations']) =>
  violations && { ...violations, lastAt: violations.lastAt.toISOString() }

export const toVersion = ({ version, schema, createdAt }: EventTypeVersion) => ({
  version,
  schema: schema as Record<string, unknown>,
  createdAt: createdAt.toISOString(),
})
