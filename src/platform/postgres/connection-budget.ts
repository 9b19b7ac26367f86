/**
 * How many connections a process may have, by what PostgreSQL says, and how large its pools can be: a pool that is
 * larger than that would meet errors under load, and at worst never get the connection that the start waits for.
 */

/** Of the pool of the hot path, where PostgreSQL gives enough. */
export const FULL_POOL_SIZE = 10
/** With fewer the hot path would wait for itself. */
const LEAST_POOL_SIZE = 4

/** What Prisma may open beside a pool of the hot path. */
export const prismaPoolSize = (poolSize: number): number => Math.max(2, Math.floor(poolSize * 0.4))

/** Of the queue, where it is on PostgreSQL. One of them is for notifications. */
export const QUEUE_POOL_SIZE = 4

/** PostgreSQL takes a moment to let go of a connection that was closed, such as that of migrations. */
const SPARE = 1

/** Connections that one process needs. */
export interface ConnectionNeed {
  /** Fewer, and it can't do its work. */
  least: number
  /** As many as it will ever open. */
  full: number
}

/** Of migrations and maintenance: one for the lock or the rows, two for what stands beside it. */
export const MAINTENANCE_NEED: ConnectionNeed = { least: 3, full: 3 }

interface Work {
  /** Whether it delivers, which takes a connection that says that it lives. */
  isWorker: boolean
  isQueueOnPostgres: boolean
}

const connectionsOf = (poolSize: number, { isWorker, isQueueOnPostgres }: Work): number =>
  poolSize + prismaPoolSize(poolSize) + (isWorker ? 1 : 0) + (isQueueOnPostgres ? QUEUE_POOL_SIZE : 0) + SPARE

export const connectionNeedOf = (work: Work): ConnectionNeed => ({
  least: connectionsOf(LEAST_POOL_SIZE, work),
  full: connectionsOf(FULL_POOL_SIZE, work),
})

/** The largest pool of the hot path with which a process opens no more than so many connections. */
export function poolSizeWithin(connections: number, work: Work): number {
  let poolSize = FULL_POOL_SIZE
  while (poolSize > LEAST_POOL_SIZE && connectionsOf(poolSize, work) > connections) poolSize -= 1
  return poolSize
}
