/**
 * How long a lease lasts, how long a stop may take, and what each step of a stop gets: the only place for such times.
 * Those of a stop are all shares of one.
 *
 * Kubernetes kills a process 30 s after it has asked it to stop (`terminationGracePeriodSeconds`), Docker Compose is told
 * the same. With the default of SHUTDOWN_GRACE_SECONDS, 3 s, a stop takes 28 s at most, whatever hangs.
 *
 * ```
 *  0            grace                                                                           grace + 24 s   + 1 s
 *  ├─ grace ─────┼─ what is under way: 12 s ─┬─ record: 2.9 s ─┬─ queue: 2.4 s, database: 1.9 s ─┬─ embedded ─┤ forgotten
 *  │ served as   │ no new connections,         │ leases are      │                               │ PostgreSQL │
 *  │ ever, but   │ the old ones are served     │ given back      │                               │ 5 s        │
 *  │ health: 503 │ to the end of their request │                 │                               │            │
 *  └ the engine takes no more, attempts in flight end ┘
 * ```
 */

/** A lease keeps a delivery for this long. Short, because a crash delays a delivery by as much. */
export const LEASE_MS = 20_000

/** A worker renews the leases of long requests this often, so a renewal may fail and the next one still comes in time. */
export const LEASE_RENEWED_EVERY_MS = LEASE_MS / 4

/** What a stop may take once the grace is over. */
const STOP_MS = 24_000

/** Requests that are under way, and attempts in flight, end in this time after the grace, or are cut off. */
export const UNDER_WAY_MS = STOP_MS * 0.5

/** The first of that time, in which a listener tries to be closed without resetting anybody. */
export const CLOSE_LISTENER_MS = STOP_MS * 0.2

/** What ended is recorded, and what was cut off is given back. */
export const RECORD_MS = STOP_MS * 0.12

/** A queue that is away is not waited for longer: what it holds, PostgreSQL holds too. */
export const QUEUE_MS = STOP_MS * 0.1

export const DATABASE_MS = STOP_MS * 0.08

/** What is left for it at least, where this process runs it: the last to stop, it has what the others left. */
const EMBEDDED_POSTGRES_MS = STOP_MS * 0.2

/** For whatever else is stopped, none of which waits for anybody. */
export const OTHER_MS = STOP_MS * 0.08

/** When everything is stopped and something keeps the process alive nevertheless. */
export const LEFT_OPEN_MS = STOP_MS / 24

/** Of a start that is given up; with an embedded PostgreSQL, which it may just have begun to make. */
export const cleanUpMs = (isEmbedded: boolean): number => STOP_MS * (isEmbedded ? 0.375 : 0.08)

/** Until the process ends, one way or the other. */
export const totalMs = (graceMs: number): number => graceMs + STOP_MS

/** In the first of several processes: what the others, which run no PostgreSQL, may take to end. */
export const processesMs = (graceMs: number): number => totalMs(graceMs) - EMBEDDED_POSTGRES_MS + LEFT_OPEN_MS

/** The longest that idle connections are kept once no new ones are taken, so that a request on its way is answered. */
const MAX_IDLE_MS = STOP_MS * 0.2

/** As long as the grace: whoever has used a connection within twice that time has been told to close it. */
export const idleMs = (graceMs: number): number => Math.min(graceMs, MAX_IDLE_MS)
