/** Global object identification, as Relay defines it: https://relay.dev/graphql/objectidentification.htm */
import { brandWithType } from '@pothos/core'
import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isUuid } from '../../platform/uuid.js'
import { builder } from '../builder.js'
import { listComplexity } from '../connection-arguments.js'
import type { GraphQLContext } from '../context.js'
import { Node } from '../node-interface.js'
import { Delivery } from './delivery.js'
import { Event } from './event.js'
import { WebhookSubscription } from './subscription.js'

interface Found {
  typeName: string
  row: { id: string }
}

/** @returns the objects in the order of their ids; null for an unknown or impossible id, as in the root fields */
export async function findNodes(ids: string[], context: GraphQLContext, info: GraphQLResolveInfo) {
  const { prisma } = context.database
  const where = { id: { in: [...new Set(ids.filter(isUuid).map((id) => id.toLowerCase()))] } }
  const queryOf = (typeName: string) => queryFromInfo({ context, info, typeName }) as object
  const rows = await Promise.all([
    prisma.event.findMany({ ...queryOf('Event'), where }),
    prisma.delivery.findMany({ ...queryOf('Delivery'), where }),
    prisma.subscription.findMany({ ...queryOf('WebhookSubscription'), where: { ...where, deletedAt: null } }),
  ])
  const byId = new Map<string, Found>()
  for (const [index, type] of [Event, Delivery, WebhookSubscription].entries()) {
    for (const row of rows[index] as Found['row'][]) {
      // Tells the interface the type of the row.
      brandWithType(row, type)
      byId.set(row.id, { row, typeName: type.name })
    }
  }
  return ids.map((id) => byId.get(id.toLowerCase()) ?? null)
}

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'An event, a delivery or a subscription; null when nothing has this id.',
    args: { id: t.arg.id({ required: true, description: 'Of the object.' }) },
    resolve: async (_root, { id }, context, info) => (await findNodes([id], context, info))[0]?.row ?? null,
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'Objects by their ids, in the same order; null for an id that nothing has.',
    args: { ids: t.arg.idList({ required: true, description: 'Of the objects.' }) },
    complexity: ({ ids }) => listComplexity(ids),
    resolve: async (_root, { ids }, context, info) =>
      (await findNodes(ids, context, info)).map((found) => found?.row ?? null),
  }),
}))
