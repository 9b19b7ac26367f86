/**
 * How long a lease lasts, and how long a stop and each of its steps may take. All times of a stop are shares of one.
 *
 * Kubernetes kills a process 30 s after it has asked it to stop (`terminationGracePeriodSeconds`), Docker Compose is
 * told the same. With the default of SHUTDOWN_GRACE_SECONDS, 3 s, a stop takes 28 s at most, whatever hangs.
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

/** How often a worker renews the leases of long requests: if one renewal fails, the next still comes in time. */
export const LEASE_RENEWED_EVERY_MS = LEASE_MS / 4

/** What a stop may take once the grace is over. */
const STOP_MS = 24_000

/** Requests and attempts in flight end within this time after the grace, or are cut off. */
export const UNDER_WAY_MS = STOP_MS * 0.5

/** The first part of that time, in which the listener is closed without resetting a connection. */
export const CLOSE_LISTENER_MS = STOP_MS * 0.2

/** Outcomes are recorded, and leases of cut-off attempts are given back. */
export const RECORD_MS = STOP_MS * 0.12

/** A stop does not wait longer for a queue that is away: PostgreSQL has everything that it holds. */
export const QUEUE_MS = STOP_MS * 0.1

export const DATABASE_MS = STOP_MS * 0.08

/** The embedded server stops last, and has at least this time, and what the others have left. */
const EMBEDDED_POSTGRES_MS = STOP_MS * 0.2

/** For each other resource. None of them waits for a client. */
export const OTHER_MS = STOP_MS * 0.08

/** When everything is stopped and an open handle still keeps the process alive. */
export const LEFT_OPEN_MS = STOP_MS / 24

/** For the clean-up of a start that is given up, longer if it may be creating an embedded PostgreSQL. */
export const cleanUpMs = (isEmbedded: boolean): number => STOP_MS * (isEmbedded ? 0.375 : 0.08)

/** Until the process ends in any case. */
export const totalMs = (graceMs: number): number => graceMs + STOP_MS

/** In a primary: how long its workers, which run no embedded PostgreSQL, may take to end. */
export const processesMs = (graceMs: number): number => totalMs(graceMs) - EMBEDDED_POSTGRES_MS + LEFT_OPEN_MS

/** The longest time that idle connections are kept after the listener is closed, for requests on their way. */
const MAX_IDLE_MS = STOP_MS * 0.2

/** As long as the grace: a connection that was used within twice that time got `connection: close`. */
export const idleMs = (graceMs: number): number => Math.min(graceMs, MAX_IDLE_MS)
