/**
 * The schema as a subgraph of Apollo Federation 2: events, deliveries and subscriptions are entities with the key `id`
 * (https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec).
 */
import {
  type ConstDirectiveNode,
  type DocumentNode,
  extendSchema,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  printSchema,
  visit,
} from 'graphql'
import { badInput } from '../errors.js'
import { listComplexity } from './connection-arguments.js'
import type { GraphQLContext } from './context.js'
import { findNodes } from './types/node.js'

const ENTITIES = ['Event', 'Delivery', 'WebhookSubscription']

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])'

const additions = parse(`
  "What an entity is found by: its type and its id."
  scalar _Any
  union _Entity = ${ENTITIES.join(' | ')}
  type _Service {
    "The schema as a gateway composes it."
    sdl: String!
  }
  extend type Query {
    "For a gateway: what this service adds to a graph of several."
    _service: _Service!
    "For a gateway: entities by their type and id; null for an id that nothing has."
    _entities(representations: [_Any!]!): [_Entity]!
  }
`)

export function createSubgraphSchema(schema: GraphQLSchema): GraphQLSchema {
  const sdl = printSubgraph(schema)
  const subgraph = extendSchema(schema, additions)
  const { _service, _entities } = (subgraph.getQueryType() as GraphQLObjectType).getFields()
  Object.assign(_service as Field, { resolve: () => ({ sdl }) })
  Object.assign(_entities as Field, {
    resolve: findEntities,
    extensions: { complexity: ({ representations }: Asked) => listComplexity(representations) },
  })
  return subgraph
}

type Field = GraphQLField<unknown, GraphQLContext, Asked>

interface Asked {
  representations: unknown[]
}

interface Representation {
  __typename: string
  id: string
}

/** @returns the entities in the order of their representations */
const findEntities: Field['resolve'] = async (_root, { representations }, context, info) => {
  const asked = representations.map(readRepresentation)
  const nodes = await findNodes(
    asked.map(({ id }) => id),
    context,
    info,
  )
  return nodes.map((node, index) => {
    const typeName = asked[index]?.__typename
    // The name tells the union the type of the row.
    return node !== null && node.typeName === typeName
      ? Object.assign(node.row, { __typename: typeName })
      : null
  })
}

/** @throws ServiceError BAD_USER_INPUT */
function readRepresentation(representation: unknown, index: number): Representation {
  const { __typename, id } = Object(representation) as Record<string, unknown>
  if (typeof id !== 'string' || !ENTITIES.includes(String(__typename))) {
    const message = `must have an \`id\`, and one of ${ENTITIES.join(', ')} as \`__typename\``
    throw badInput([{ path: `representations.${index}`, message }])
  }
  return { __typename: String(__typename), id }
}

/** `node` and `nodes` are left out: in a graph of several services they can't be of one. */
function printSubgraph(schema: GraphQLSchema): string {
  const document = visit(parse(printSchema(schema)), {
    ObjectTypeDefinition(type: ObjectTypeDefinitionNode) {
      const name = type.name.value
      if (name === 'Query')
        return { ...type, fields: type.fields?.filter((field) => !/^nodes?$/.test(field.name.value)) }
      if (name === 'PageInfo') return { ...type, directives: directivesOf('@shareable') }
      return ENTITIES.includes(name) ? { ...type, directives: directivesOf('@key(fields: "id")') } : undefined
    },
  }) as DocumentNode
  return `${LINK}\n\n${print(document)}\n`
}

function directivesOf(text: string): readonly ConstDirectiveNode[] {
  const [definition] = parse(`scalar Any ${text}`).definitions
  return definition?.kind === Kind.SCALAR_TYPE_DEFINITION ? (definition.directives ?? []) : []
}
