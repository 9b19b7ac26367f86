/** What is erased: one schema for REST and GraphQL. */
import { z } from 'zod'
import { tenant } from '../model/tenant.js'
import { optional } from '../platform/optional.js'
import { uuidInput } from '../platform/uuid-input.js'

/** The body of `POST /v1/erasures`. */
export const erasureBody = z
  .strictObject({
    tenant: optional(tenant).meta({ description: 'All events of this tenant.' }),
    subscriptionId: optional(uuidInput).meta({ description: 'All events that went to this subscription.' }),
  })
  .superRefine((input, context) => {
    const given = Object.values(input).filter((value) => value !== undefined)
    if (given.length === 1) return
    const message = 'is required, or `subscriptionId`, and not both'
    context.addIssue({ code: 'custom', path: ['tenant'], message })
  })

export type ErasureInput = z.output<typeof erasureBody>
