/** Event types as the documents describe them: each has a name in `components`, and the schema of its whole webhook. */
import type { VisibleEventType } from '../find.js'
import type { Schema } from '../schemas/schema.js'
import { moveReferences } from './references.js'

export interface DescribedType {
  name: string
  /** In `components`, where some characters of a name are not allowed. */
  component: string
  description: string | undefined
  /** The schema of `data`, as it stands in `components`. */
  data: Schema
  /** The schema of the body of its webhooks. */
  webhook: Schema
  /** Bodies of webhooks, one for each example of `data`. */
  examples: object[]
  version: number
}

const SCHEMAS = '#/components/schemas'

export function describeTypes(eventTypes: VisibleEventType[]): DescribedType[] {
  const taken = new Set<string>()
  return eventTypes.map(({ name, description, schema, dataExamples, version }) => {
    const component = componentOf(name, taken)
    const reference = `${SCHEMAS}/${component}`
    return {
      ...{ name, component, version },
      description: description ?? undefined,
      data: moveReferences(schema as Schema, '#', reference),
      webhook: webhookSchema(name, reference),
      examples: (dataExamples as object[]).map((data) => exampleOf(name, data)),
    }
  })
}

/** Components have no colons, which the names of types may have. */
function componentOf(name: string, taken: Set<string>): string {
  let component = name.replaceAll(':', '-')
  while (taken.has(component)) component += '-'
  taken.add(component)
  return component
}

const webhookSchema = (name: string, data: string): Schema => ({
  type: 'object',
  required: ['id', 'type', 'createdAt', 'payload'],
  properties: {
    id: { type: 'string', format: 'uuid', description: 'The same on every attempt: deduplicate by it.' },
    type: { const: name },
    createdAt: { type: 'string', format: 'date-time' },
    payload: {
      type: 'object',
      required: ['data', 'metadata'],
      properties: { data: { $ref: data }, metadata: { type: ['object', 'null'] } },
    },
  },
})

const exampleOf = (type: string, data: object) => ({
  ...{ id: '019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f', type, createdAt: '2026-01-31T18:20:43.400Z' },
  payload: { data, metadata: null },
})
