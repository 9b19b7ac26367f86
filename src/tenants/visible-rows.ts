/**
 * Prisma as a viewer that is bound to a tenant has it: every operation gets the condition that the rows are the
 * tenant's, and what it creates is the tenant's. What is not known here is refused.
 */
import type { PrismaClient } from '../generated/prisma/client.js'

type Where = Record<string, unknown>
interface Arguments {
  where?: Where & { AND?: Where | Where[] }
  data?: Where
  select?: Relations
  include?: Relations
}
type Relations = Record<string, unknown> | null

/** The condition on the rows of each model that a bound viewer may ask for. */
const conditions: Record<string, (tenant: string) => Where> = {
  Event: (tenant) => ({ tenant }),
  Subscription: (tenant) => ({ tenant }),
  Delivery: (tenant) => ({ tenant }),
  DeliveryLog: (tenant) => ({ delivery: { tenant } }),
  Replay: (tenant) => ({ tenant }),
  Erasure: (tenant) => ({ tenant }),
  FilterErrors: (tenant) => ({ subscription: { tenant } }),
}

/** Their relations. Only lists need a condition: who sees a delivery sees its event and its subscription. */
const relations: Record<string, Record<string, { model: string; isList?: true }>> = {
  Event: { deliveries: { model: 'Delivery', isList: true } },
  Subscription: { deliveries: { model: 'Delivery', isList: true }, filterErrors: { model: 'FilterErrors' } },
  Delivery: {
    event: { model: 'Event' },
    subscription: { model: 'Subscription' },
    logs: { model: 'DeliveryLog', isList: true },
  },
}

/** They belong to no tenant: everybody reads them, and nobody who is bound changes them. */
const shared = ['EventType', 'EventTypeVersion']

const reading = [
  'findUnique',
  'findUniqueOrThrow',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'count',
  'groupBy',
]
const changing = ['update', 'updateMany', 'delete', 'deleteMany']

export function visibleRows(prisma: PrismaClient, tenant: string): PrismaClient {
  const visible = prisma.$extends({
    query: {
      $allModels: {
        async $allOperations({ model, operation, args, query }) {
          return query(narrow(model, operation, args as Arguments, tenant) as typeof args)
        },
      },
    },
  })
  return visible as unknown as PrismaClient
}

function narrow(model: string, operation: string, args: Arguments, tenant: string): Arguments {
  if (shared.includes(model) && reading.includes(operation)) return narrowRelations(model, args, tenant)
  const condition = conditions[model]?.(tenant)
  const isCreating = operation === 'create' && condition !== undefined && 'tenant' in condition
  if (isCreating) return narrowRelations(model, { ...args, data: { ...args.data, tenant } }, tenant)
  if (condition === undefined || ![...reading, ...changing].includes(operation))
    throw new Error(`${operation} of ${model} is not for a viewer of one tenant`)
  const { AND = [], ...where } = args.where ?? {}
  const all = [AND, condition].flat()
  return narrowRelations(model, { ...args, where: { ...where, AND: all } }, tenant)
}

function narrowRelations(model: string, args: Arguments, tenant: string): Arguments {
  const { select, include } = args
  return {
    ...args,
    ...(select && { select: narrowEach(model, select, tenant) }),
    ...(include && { include: narrowEach(model, include, tenant) }),
  }
}

function narrowEach(model: string, asked: NonNullable<Relations>, tenant: string): Relations {
  const known = relations[model] ?? {}
  const entries = Object.entries(asked).map(([name, given]) => {
    if (name === '_count' && given) throw new Error('counts of relations are not for a viewer of one tenant')
    const relation = known[name]
    if (relation === undefined || !given) return [name, given]
    const args = given === true ? {} : (given as Arguments)
    return [
      name,
      relation.isList
        ? narrow(relation.model, 'findMany', args, tenant)
        : narrowRelations(relation.model, args, tenant),
    ]
  })
  return Object.fromEntries(entries)
}
