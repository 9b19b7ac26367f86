/**
 * Leases: which worker may attempt a delivery.
 *
 * An open delivery waits in its table, with `queuedUntil` null, until it is leased: put on the queue with
 * `queuedUntil` in the future. The job carries that time as a token. A token that differs from the row's is not
 * valid any more, so a lost, repeated or late job does no harm. A lease that runs out, because its process died or
 * the queue lost the job, is given again. Workers renew the leases of long attempts.
 */

/** Deliveries that one job carries: few enough to share work between workers, enough to need few jobs. */
const DELIVERIES_PER_JOB = 50

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
}

/** What the queue carries. */
export interface DeliveryJob {
  leases: Lease[]
}

export function toJobs(leases: Lease[]): DeliveryJob[] {
  const jobs: DeliveryJob[] = []
  for (let at = 0; at < leases.length; at += DELIVERIES_PER_JOB) {
    jobs.push({ leases: leases.slice(at, at + DELIVERIES_PER_JOB) })
  }
  return jobs
}

/**
 * SQL: how many more deliveries of a subscription may be leased, over all processes. The others wait in the table,
 * so an endpoint that hangs can't fill the queue. Counts up to the quota only. The arguments are SQL expressions.
 */
export const sqlRoom = (subscriptionId: string, quota: string) => `
  greatest(0, ${quota} - (
    select count(*) from (
      select from deliveries q
      where q."subscriptionId" = ${subscriptionId} and q."queuedUntil" is not null
      limit ${quota}
    ) as queued
  ))`

/**
 * SQL: the lease `held` is still that of the delivery `d`. Written so that PostgreSQL uses no index for it: a
 * delivery is looked up by its id, and not searched among all that are leased.
 */
export const sqlIsHeld = (held: string, d: string): string =>
  `${d}."queuedUntil" is not distinct from ${held}."queuedUntil"`

export const toLease = (lease: Omit<Lease, 'queuedUntil'> & { queuedUntil: Date }): Lease => {
  const { deliveryId, subscriptionId, queuedUntil, isRetry, isPaced } = lease
  return { deliveryId, subscriptionId, queuedUntil: queuedUntil.toISOString(), isRetry, isPaced }
}

/** Two parameters of a statement: delivery ids, and the ends of their leases. */
export const leaseColumns = (leases: Iterable<Lease>): [ids: string[], tokens: string[]] => {
  const all = [...leases]
  return [all.map(({ deliveryId }) => deliveryId), all.map(({ queuedUntil }) => queuedUntil)]
}
