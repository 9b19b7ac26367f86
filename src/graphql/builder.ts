/** The builder of the schema, with its plugins and scalars. The types are in `types/`. */
import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import type PrismaTypes from '../generated/pothos.js'
import { getDatamodel } from '../generated/pothos.js'
import { DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from './connection-arguments.js'
import type { GraphQLContext } from './context.js'
import type { PayloadJson } from './payload-json.js'

export const builder = new SchemaBuilder<{
  Context: GraphQLContext
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  Scalars: {
    DateTime: { Input: Date; Output: Date }
    JSONObject: { Input: Record<string, unknown>; Output: PayloadJson }
  }
}>({
  plugins: [RelayPlugin, PrismaPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  relay: {
    // Ids are the plain UUIDs of REST. They name no type, so the plugin's own `node(id:)` could not tell types apart.
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    // The connection has counted its rows already.
    edgesFieldOptions: { complexity: { field: 1, multiplier: 1 }, description: 'The rows, in their order.' },
    nodeFieldOptions: { description: 'The row itself.' },
    cursorFieldOptions: { description: 'Where the row lies in the list, for `after` and `before`.' },
    pageInfoFieldOptions: { description: 'Whether there is more, and where to go on.' },
    firstArgOptions: {
      description: `Rows from the beginning, from 0 to ${MAX_LIST_SIZE}; more is an error. ${DEFAULT_LIST_SIZE} when \`first\` and \`last\` are absent.`,
    },
    afterArgOptions: { description: 'Begins behind this cursor. Belongs to `first`.' },
    lastArgOptions: {
      description: `Rows from the end, from 0 to ${MAX_LIST_SIZE}; more is an error. Not together with \`first\`.`,
    },
    beforeArgOptions: { description: 'Ends before this cursor. Belongs to `last`.' },
    hasNextPageFieldOptions: { description: 'Whether rows follow this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether rows precede this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first row; null on an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last row; null on an empty page.' },
    pageInfoTypeOptions: {
      description: 'Where a page lies in its list; see the Relay specification of connections.',
    },
  },
  prisma: {
    client: ({ database }) => database.prisma,
    dmmf: getDatamodel(),
    filterConnectionTotalCount: true,
  },
  complexity: { defaultComplexity: 1, defaultListMultiplier: DEFAULT_LIST_SIZE },
})

builder.queryType({ description: 'What the service knows.' })
builder.mutationType({ description: 'What the service can be asked to do.' })
builder.subscriptionType({ description: 'What happens in the service, as it happens.' })
