/** The client's operations, held against the schema: what the service has, its client asks for. */
import { readdirSync, readFileSync } from 'node:fs'
import {
  buildSchema,
  getNamedType,
  isLeafType,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { describe, expect, it } from 'vitest'

const FOLDER = 'src/client/operations'
const schema = buildSchema(readFileSync('schema.graphql', 'utf8'))
const definitions = readdirSync(FOLDER).flatMap(
  (file) => parse(readFileSync(`${FOLDER}/${file}`, 'utf8')).definitions,
)

const LEFT_OUT = [
  // Other fields do the same, with types that say what comes back.
  ...['disableSubscription', 'enableSubscription', 'node', 'nodes'],
  // A console subscribes to the totals and rates that it draws; the package has no room for all of them.
  'statsUpdated',
  // The catalogue is filled and read by tools, over REST; the package has no room for it.
  ...['eventType', 'eventTypes', 'catalogue', 'registerEventType', 'removeEventType', 'importCatalogue'],
  // The server of a product asks for a token, over REST.
  'createTenantToken',
  // Dead letters are looked through in a console, or over REST; the package has no room for them.
  ...['deadLetterGroups', 'retryDeliveries', 'discardDeliveries'],
  // A consumer takes and answers deliveries over REST; the package has no room for it.
  ...['acknowledgeDelivery', 'rejectDelivery', 'extendDelivery', 'deliveryFeed'],
  // A replay is begun by an operator, over REST or from a console; the package has no room for it.
  ...['replay', 'replays', 'createReplay', 'pauseReplay', 'resumeReplay', 'cancelReplay', 'replayUpdated'],
  // So is an erasure of many events.
  ...['erasure', 'erasures', 'createErasure'],
]

const fieldsOf = ({ selections }: SelectionSetNode) =>
  selections.flatMap((selection) => (selection.kind === Kind.FIELD ? [selection.name.value] : []))

/** The fields of a type whose value is a scalar or an enum, or a list of these. */
function leavesOf(typeName: string): string[] {
  const type = schema.getType(typeName)
  if (!isObjectType(type)) throw new Error(`${typeName} is no object type`)
  return Object.values(type.getFields())
    .filter((field) => isLeafType(getNamedType(field.type)))
    .map(({ name }) => name)
}

function fragmentFields(name: string): string[] {
  const fragments = definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION)
  const fragment = fragments.find((one) => one.name.value === name)
  if (fragment === undefined) throw new Error(`there is no fragment ${name}`)
  return fieldsOf(fragment.selectionSet)
}

describe("a fragment of the client's", () => {
  it.each(['Delivery', 'Event', 'WebhookSubscription'])('%sFields has every leaf of the type', (type) => {
    const fields = fragmentFields(`${type}Fields`)
    expect(leavesOf(type).filter((name) => !fields.includes(name))).toEqual([])
  })
})

describe("the client's operations", () => {
  it.each(['query', 'mutation', 'subscription'] as const)('reach every field of the %s type', (operation) => {
    const reached = definitions
      .filter((one) => one.kind === Kind.OPERATION_DEFINITION)
      .flatMap((one) => (one.operation === operation ? fieldsOf(one.selectionSet) : []))
    const fields = Object.keys(schema.getRootType(operation as never)?.getFields() ?? {})
    expect(fields.filter((name) => !reached.includes(name) && !LEFT_OUT.includes(name))).toEqual([])
  })
})
