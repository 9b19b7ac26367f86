/**
 * Leases: which worker may attempt a delivery.
 *
 * An open delivery waits in its table, with `queuedUntil` null, until it is leased: put on the queue with
 * `queuedUntil` in the future. The job carries that time as a token. A token that differs from the row's is not
 * valid any more, so a lost, repeated or late job does no harm. A lease that runs out, because its process died or
 * the queue lost the job, is given again. Workers renew the leases of long attempts.
 */

/** The right to attempt one delivery. */
export interface Lease {
  deliveryId: string
  subscriptionId: string
  /** `queuedUntil`, ISO 8601: the token. */
  queuedUntil: string
  /** Whether an attempt of the current budget has failed. First attempts go before retries. */
  isRetry: boolean
  /**
   * Whether its subscription has a rate limit: the request counts for this moment, and must not be made much later.
   */
  isPaced: boolean
  /** Whether it is at the head of a line: the next one waits for its end. Absent in a job of the version before. */
  isOrdered?: boolean
}

/**
 * SQL: the lease `held` is still that of the delivery `d`. Written so that PostgreSQL uses no index for it: a
 * delivery is looked up by its id, and not searched among all that are leased.
 */
export const sqlIsHeld = (held: string, d: string): string =>
  `${d}."queuedUntil" is not distinct from ${held}."queuedUntil"`

export const toLease = (lease: Omit<Lease, 'queuedUntil'> & { queuedUntil: Date }): Lease => {
  const { deliveryId, subscriptionId, queuedUntil, isRetry, isPaced, isOrdered } = lease
  const held = { deliveryId, subscriptionId, queuedUntil: queuedUntil.toISOString(), isRetry, isPaced }
  return isOrdered ? { ...held, isOrdered } : held
}

/** Two parameters of a statement: delivery ids, and the ends of their leases. */
export const leaseColumns = (leases: Iterable<Lease>): [ids: string[], tokens: string[]] => {
  const all = [...leases]
  return [all.map(({ deliveryId }) => deliveryId), all.map(({ queuedUntil }) => queuedUntil)]
}
