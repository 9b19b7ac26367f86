/** What the verification has found to be wrong, by the kind of promise that was broken. */
export type Promised =
  | 'lost' // accepted, and not delivered to whom it concerned
  | 'stuck' // still open after all faults are over
  | 'status' // a status or count that doesn't follow from the deliveries
  | 'logs' // attempts that the logs don't tell, or tell otherwise
  | 'stats' // totals that aren't the tables'
  | 'duplicate' // came twice, and no fault explains it
  | 'order' // came before an earlier event of its key had come to its end
  | 'idempotency' // one key, two events
  | 'answer' // an answer to a producer that the contract doesn't know
  | 'webhook' // a request that nobody should have been sent
  | 'breaker' // a request that a paused endpoint should not have got, or too many at once while it recovered
  | 'process' // a process that ended without a cause, or is not well at the end

export interface Finding {
  promise: Promised
  /** What it is about: an event's, delivery's or process's name. */
  id: string
  detail: string
}

export type Find = (promise: Promised, id: string, detail: string) => void
