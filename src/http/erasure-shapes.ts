/** The answers of the routes of erasures. */
import { z } from 'zod'
import { ErasureState } from '../generated/prisma/enums.js'
import type { ErasureSnapshot } from '../model/erasure.js'
import { id, time } from './basic-shapes.js'
import { tenantShape, times } from './shapes.js'

export const erasureShape = z
  .object({
    id,
    tenant: tenantShape,
    subscriptionId: id.nullable().meta({
      description: 'The subscription whose events are erased; null where it is all of the tenant.',
    }),
    state: z.enum(ErasureState),
    erased: z.int().meta({ description: 'How many events it has erased.' }),
    waiting: z.int().meta({ description: 'How many events it has found that are not finished yet.' }),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.nullable().meta({ description: 'When it was FINISHED.' }),
  })
  .meta({
    id: 'Erasure',
    description: 'A job that erases all events of a tenant, or all that went to a subscription.',
  })

export const toErasure = (row: ErasureSnapshot) => ({
  id: row.id,
  tenant: row.tenant,
  subscriptionId: row.subscriptionId,
  state: row.state,
  erased: row.erased,
  waiting: row.waiting,
  ...times(row),
  finishedAt: row.finishedAt?.toISOString() ?? null,
})
