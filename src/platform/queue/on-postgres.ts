/** BullMQ on PostgreSQL, for one process: the service's own pool, its schema, and rests while the database is away. */
import { createPostgresBackend, type PgPool, PostgresQueueBackend, Queue, Worker } from 'bullmq'
import { QUEUE_POOL_SIZE } from '../postgres/connection-budget.js'
import { createSessionPool } from '../postgres/pool.js'
import { queueSchemaOf, schemaOf } from '../postgres/url.js'
import { type Backend, type JobQueueOptions, TAKEN_AT_ONCE } from './backend.js'
import { createRetryPauses, RETRY_PAUSE_MS, type RetryPauses } from './retry-pauses.js'

/** After this, a statement of the queue counts as lost. */
const QUERY_TIMEOUT_MS = 5000

export function onPostgres({ databaseUrl, onError }: JobQueueOptions): Backend {
  const { pauseAfterFailure: unhurried, stop } = createRetryPauses()
  const schema = queueSchemaOf(schemaOf(databaseUrl))
  const pool = createSessionPool({
    url: databaseUrl,
    schema,
    maxConnections: QUEUE_POOL_SIZE,
    // BullMQ waits for an answer for ever; a connection that went dead unnoticed would end the queue's work.
    timeoutMs: QUERY_TIMEOUT_MS,
    applicationName: 'node-event-service queue',
    onError,
  })
  // BullMQ describes a pool more narrowly than pg does; it is the same object.
  const connection = pool as unknown as PgPool
  const createBackend = backendIn(schema, unhurried)
  return {
    createQueue: (name) => new Queue(name, { connection }, createBackend),
    createWorker: (name, take) =>
      new Worker(
        name,
        take,
        { connection, concurrency: TAKEN_AT_ONCE, runRetryDelay: RETRY_PAUSE_MS },
        createBackend,
      ),
    // BullMQ remembers for ever that its first connection failed, and then tries without a rest.
    whenReady: (part) => part.waitUntilReady(),
    isThere: () => true,
    // It is PostgreSQL's health.
    check: () => Promise.resolve(),
    stop,
    close: () => pool.end(),
  }
}

/** BullMQ's backend, which takes a pool or the name of a schema, but not both: it would look for its tables in `bullmq`. */
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
