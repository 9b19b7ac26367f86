/**
 * Leases: who may attempt a delivery.
 *
 * A delivery that is due waits in its table, with `queuedUntil` null, until it is leased: put on the queue with
 * `queuedUntil` in the future. The job carries that very time as its token. Whoever holds a token that is no
 * longer the row's holds nothing, so a job that was lost, doubled or late does no harm, and a lease that runs
 * out (its process died, its queue was wiped) is simply given again. Workers renew what they hold for long.
 */
/** Deliveries that one job carries: few enough to share work between workers, enough to make jobs rare. */
const DELIVERIES_PER_JOB = 50

/** The right to attempt one delivery. */
export interface Lease {
  deliveryId: string
  subscriptionId: string
  /** `queuedUntil`, ISO 8601: the token. */
  queuedUntil: string
  /** Whether an attempt of the current budget has failed already: first attempts go before. */
  isRetry: boolean
  /** Whether its subscription has a limit of requests a second: it is for now, not for when it suits. */
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
 * SQL: how many more deliveries of a subscription may be leased, over all processes, with so many allowed. The rest
 * wait in the table: an endpoint that hangs can't fill the queue. Counts no further than it has to.
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
 * SQL: the lease `held` is still the one that the delivery `d` was given. Written so that no index answers to it: a
 * delivery is looked up by its id, never sought among all that are leased.
 */
export const sqlHolds = (held: string, d: string): string =>
  `${d}."queuedUntil" is not distinct from ${held}."queuedUntil"`

interface LeaseRow {
  deliveryId: string
  subscriptionId: string
  queuedUntil: Date
  isRetry: boolean
  isPaced: boolean
}

export const toLease = ({ queuedUntil, ...rest }: LeaseRow): Lease => {
  const { deliveryId, subscriptionId, isRetry, isPaced } = rest
  return { deliveryId, subscriptionId, queuedUntil: queuedUntil.toISOString(), isRetry, isPaced }
}

/** The two columns that leases go into a statement as. */
export const leaseColumns = (leases: Iterable<Lease>): [ids: string[], tokens: string[]] => {
  const all = [...leases]
  return [all.map(({ deliveryId }) => deliveryId), all.map(({ queuedUntil }) => queuedUntil)]
}
