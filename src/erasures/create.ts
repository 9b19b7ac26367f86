/** Creates an erasure: all events of a tenant, or all that went to a subscription, up to this moment. */
import { notFound, ServiceError } from '../errors.js'
import {
  type ErasureSnapshot,
  MAX_FINISHED_ERASURES,
  MAX_OPEN_ERASURES,
  sqlErasureSnapshot,
} from '../model/erasure.js'
import { tenantFor } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import type { ErasureInput } from './input.js'

/**
 * `$1` the id, `$2` the tenant, `$3` the subscription.
 *
 * Whatever was accepted by now is committed. Its id may still be a little greater than that of the erasure, where
 * another process has made it.
 */
const createStatement = forViewer({ name: 'create-erasure', parameters: 3 }, ({ tenant }) => {
  const isOfSame = '(tenant = $2::text or (tenant is null and $2::text is null))'
  return `
    with open as (
      select count(*) as count from erasures where ${isOfSame} and state = 'RUNNING'
    ), removed as (
      delete from erasures where id = any (array(
        select id from erasures where ${isOfSame} and state = 'FINISHED'
        order by id desc offset ${MAX_FINISHED_ERASURES} limit 100
      ))
    )
    insert into erasures as r (id, tenant, "subscriptionId", until)
    select $1::uuid, $2::text, $3::uuid, greatest($1::uuid, (select id from events order by id desc limit 1))
    from open where open.count < ${MAX_OPEN_ERASURES} and (${tenant} is null or ${tenant} = $2::text)
    returning ${sqlErasureSnapshot('r')}`
})

export interface ErasureContext {
  database: VisibleDatabase
  newId(): string
  /** Called after a commit that gives workers an erasure to work on. */
  onErasure(): void
}

/**
 * @throws ServiceError NOT_FOUND without the subscription, FORBIDDEN for another tenant, CONFLICT when too many are
 * RUNNING
 */
export async function createErasure(
  { database, newId, onErasure }: ErasureContext,
  { tenant, subscriptionId }: ErasureInput,
): Promise<ErasureSnapshot> {
  const owner =
    subscriptionId === undefined
      ? tenantFor(database, tenant)
      : await tenantOfSubscription(database, subscriptionId)
  const values = [newId(), owner, subscriptionId ?? null]
  const [erasure] = await database.query<ErasureSnapshot>(createStatement, values)
  if (erasure === undefined) throw tooMany()
  onErasure()
  return erasure
}

async function tenantOfSubscription({ prisma }: VisibleDatabase, id: string): Promise<string | null> {
  const where = { id, deletedAt: null }
  const subscription = await prisma.subscription.findUnique({ where, select: { tenant: true } })
  if (subscription === null) throw notFound('subscription', id)
  return subscription.tenant
}

const tooMany = () =>
  new ServiceError(
    'CONFLICT',
    `${MAX_OPEN_ERASURES} erasures are RUNNING, and no more are allowed. Wait until one is FINISHED: end the deliveries of the events that it waits for.`,
  )
