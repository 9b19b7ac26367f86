/** The query and the answers of the routes of consumers. */
import { z } from 'zod'
import type { PulledDelivery } from '../pull/lease.js'
import { id, time } from './basic-shapes.js'
import { readDigits } from './shapes.js'

const MAX_LIMIT = 100
const MAX_WAIT_SECONDS = 30

const wholeNumber = (min: number, max: number, otherwise: number) => {
  const error = `must be a whole number from ${min} to ${max}`
  return z.preprocess(readDigits, z.number({ error }).int().min(min).max(max)).default(otherwise)
}

export const feedQuery = z.strictObject({
  wait: wholeNumber(0, MAX_WAIT_SECONDS, 0).meta({ description: 'Seconds to wait where none is due.' }),
  limit: wholeNumber(1, MAX_LIMIT, 1).meta({ description: 'The most deliveries to take.' }),
})

const leaseEndsAt = time.meta({ description: 'An answer counts until then.' })

const pulledDeliveryShape = z
  .object({
    deliveryId: id,
    eventId: id,
    attempt: z.int().meta({ description: 'By which the delivery is answered.' }),
    leaseEndsAt,
    webhook: z.object({
      headers: z.record(z.string(), z.string()),
      body: z.string().meta({ description: 'The bytes that are signed, as UTF-8.' }),
    }),
  })
  .meta({
    id: 'PulledDelivery',
    description: 'A delivery that the caller has, and what a webhook would have carried.',
  })

export const feedShape = z
  .object({ items: z.array(pulledDeliveryShape) })
  .meta({ id: 'Feed', description: 'Deliveries, the oldest event first.' })

export const extendedShape = z
  .object({ leaseEndsAt })
  .meta({ id: 'ExtendedLease', description: 'A longer lease.' })

export const toPulledDelivery = ({ leaseEndsAt: endsAt, ...delivery }: PulledDelivery) => ({
  ...delivery,
  leaseEndsAt: endsAt.toISOString(),
})
