/** BullMQ on PostgreSQL: with a pool and a schema of the service, and with pauses while the database is away. */
import { createPostgresBackend, type PgPool, PostgresQueueBackend, Queue, Worker } from 'bullmq'
import { QUEUE_POOL_SIZE } from '../postgres/connection-budget.js'
import { createSessionPool } from '../postgres/pool.js'
import { queueSchemaOf, schemaOf } from '../postgres/url.js'
import { type Backend, type JobQueueOptions, TAKEN_AT_ONCE } from './backend.js'
import { createRetryPauses, RETRY_PAUSE_MS, type RetryPauses } from './retry-pauses.js'

/** After this, a statement of the queue counts as lost. */
const QUERY_TIMEOUT_MS = 5000

export function onPostgres({ databaseUrl, onError }: JobQueueOptions): Backend {
  const { pauseAfterFailure, stop } = createRetryPauses()
  const schema = queueSchemaOf(schemaOf(databaseUrl))
  const pool = createSessionPool({
    url: databaseUrl,
    schema,
    maxConnections: QUEUE_POOL_SIZE,
    // BullMQ has no timeout, so a dead connection would stop the queue.
    timeoutMs: QUERY_TIMEOUT_MS,
    applicationName: 'node-event-service queue',
    onError,
  })
  // BullMQ has its own type of pg's pool.
  const connection = pool as unknown as PgPool
  const createBackend = backendIn(schema, pauseAfterFailure)
  return {
    createQueue: (name) => new Queue(name, { connection }, createBackend),
    createWorker: (name, take) =>
      new Worker(
        name,
        take,
        { connection, concurrency: TAKEN_AT_ONCE, runRetryDelay: RETRY_PAUSE_MS },
        createBackend,
      ),
    // After a failed first connection, BullMQ tries again without a pause.
    whenReady: (part) => part.waitUntilReady(),
    isThere: () => true,
    // The health check of PostgreSQL covers the queue.
    check: () => Promise.resolve(),
    stop,
    close: () => pool.end(),
  }
}

/** BullMQ's backend takes a pool or a schema, but not both. Without one it looks for its tables in `bullmq`. */
const backendIn =
  (schema: string, pauseAfterFailure: RetryPauses['pauseAfterFailure']) =>
  (...given: Parameters<typeof createPostgresBackend>) => {
    const backend = createPostgresBackend(...given)
    backend.moveToActive = pauseAfterFailure(backend.moveToActive.bind(backend))
    backend.waitForJob = pauseAfterFailure(backend.waitForJob.bind(backend))
    if (backend instanceof PostgresQueueBackend) {
      Object.assign(backend, { schema })
      Object.assign((backend as unknown as { connection: object }).connection, { schema })
    }
    return backend
  }
