/** Event types, and which of them a subscription wants. */
import { z } from 'zod'

const MAX_LENGTH = 128
export const EVENT_TYPE_FORM = `1 to ${MAX_LENGTH} characters of A-Z a-z 0-9 _ . : -`

export const eventType = z
  .string()
  .regex(new RegExp(`^[A-Za-z0-9_.:-]{1,${MAX_LENGTH}}$`), `must be ${EVENT_TYPE_FORM}`)
  .meta({ examples: ['user.created'] })

/** The event type that stands for all of them. */
export const EVERY_TYPE = '*'
