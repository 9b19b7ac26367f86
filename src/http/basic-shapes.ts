/** The parts that many shapes share. */
import { z } from 'zod'
import { DeliveryStatus } from '../generated/prisma/enums.js'

export const time = z.iso.datetime().meta({ examples: ['2026-01-31T18:20:43.400Z'] })
export const id = z.string().meta({ format: 'uuid', examples: ['019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f'] })

export const anyObject = z.looseObject({})

const deliveryStatuses = Object.values(DeliveryStatus)
export const deliveryStatus = z.enum(deliveryStatuses, {
  error: `must be one of ${deliveryStatuses.join(', ')}`,
})
