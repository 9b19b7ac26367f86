/** When an event is to be delivered: no earlier than `deliverAt`, and not once it has expired. */
import { badInput, type InputError, type ServiceError } from '../errors.js'

export interface Times {
  /** Null, and a time that is over: at once. */
  deliverAt: Date | null
  /** Null: never. */
  expiresAt: Date | null
}

const DAY_MS = 24 * 3_600_000
/** A year, whichever it is. */
export const MAX_DAYS_AHEAD = 366

export const isTimed = ({ deliverAt, expiresAt }: Times): boolean => deliverAt !== null || expiresAt !== null

/** What is wrong with the times of an event that is published `now`; undefined when nothing is. */
export function refuseTimes({ deliverAt, expiresAt }: Times, now: Date): ServiceError | undefined {
  const errors: InputError[] = []
  if (deliverAt !== null && deliverAt.getTime() > now.getTime() + MAX_DAYS_AHEAD * DAY_MS)
    errors.push({ path: 'deliverAt', message: `must be at most ${MAX_DAYS_AHEAD} days ahead` })
  if (expiresAt !== null && expiresAt <= now)
    errors.push({ path: 'expiresAt', message: 'must be in the future' })
  else if (expiresAt !== null && deliverAt !== null && expiresAt <= deliverAt)
    errors.push({ path: 'expiresAt', message: 'must be after deliverAt' })
  return errors.length > 0 ? badInput(errors) : undefined
}
