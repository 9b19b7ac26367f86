/**
 * How many connections a process needs, and how large its pools may be within the limits of PostgreSQL. A larger pool
 * would fail under load, or never get the connection that the start waits for.
 */

/** The pool of the hot path, when PostgreSQL allows enough connections. */
export const FULL_POOL_SIZE = 10
/** With fewer the hot path would wait for itself. */
const LEAST_POOL_SIZE = 4

/** Connections of Prisma, in addition to the pool of the hot path. */
export const prismaPoolSize = (poolSize: number): number => Math.max(2, Math.floor(poolSize * 0.4))

/** Connections of the queue on PostgreSQL. One of them is for notifications. */
export const QUEUE_POOL_SIZE = 4

/** PostgreSQL takes a moment to free a closed connection, such as that of migrations. */
const SPARE = 1

/** The connections that one process needs. */
export interface ConnectionNeed {
  /** With fewer, it can't work. */
  least: number
  /** The most that it opens. */
  full: number
}

/** For migrations and maintenance: one for the lock or the rows, two in addition. */
export const MAINTENANCE_NEED: ConnectionNeed = { least: 3, full: 3 }

interface Work {
  /** A worker also needs a connection for its presence lock. */
  isWorker: boolean
  isQueueOnPostgres: boolean
}

const connectionsOf = (poolSize: number, { isWorker, isQueueOnPostgres }: Work): number =>
  poolSize + prismaPoolSize(poolSize) + (isWorker ? 1 : 0) + (isQueueOnPostgres ? QUEUE_POOL_SIZE : 0) + SPARE

export const connectionNeedOf = (work: Work): ConnectionNeed => ({
  least: connectionsOf(LEAST_POOL_SIZE, work),
  full: connectionsOf(FULL_POOL_SIZE, work),
})

/** The largest pool of the hot path with which a process stays within `connections`. */
export function poolSizeWithin(connections: number, work: Work): number {
  let poolSize = FULL_POOL_SIZE
  while (poolSize > LEAST_POOL_SIZE && connectionsOf(poolSize, work) > connections) poolSize -= 1
  return poolSize
}
