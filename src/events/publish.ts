/**
 * Publish: commits an event together with the guarantee of its dispatch, and answers only then.
 *
 * One statement commits all requests of the same moment. Among several requests with one idempotency key, the database
 * chooses the first; the others wait for its commit and then read its event.
 */
import { ServiceError } from '../errors.js'
import type { EventStatus } from '../generated/prisma/enums.js'
import type { Matcher } from '../matching/matcher.js'
import { CongestedError, createBatcher } from '../platform/batcher.js'
import type { Clock } from '../platform/clock.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import {
  isConflictOfTransactions,
  isDatabaseAway,
  isDataFault,
} from '../platform/postgres/database-errors.js'
import { announceChanges } from '../telemetry/changes.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { type Accepted, accept, type Candidate, type FastPathRoom } from './accept.js'
import { acceptedChanges, unmatchedChanges } from './accepted-changes.js'
import { contentHash, idempotencyMismatch, type Publication } from './publication.js'

export interface Published {
  eventId: string
  status: EventStatus
  /** Whether an earlier event with the same idempotency key and content answers for this one. */
  deduplicated: boolean
}

export interface Publisher {
  /** @throws ServiceError IDEMPOTENCY_MISMATCH; DatabaseUnavailableError, and then nothing is promised */
  publish(publication: Publication): Promise<Published>
}

/** `$1` idempotency keys. */
const findByKey: Statement = {
  name: 'find-events-by-idempotency-key',
  text: `
    select id, status, "idempotencyKey", encode("contentHash", 'hex') as "contentHash"
    from events where "idempotencyKey" = any($1::text[])`,
}

interface FindByKeyRow {
  id: string
  status: EventStatus
  idempotencyKey: string
  contentHash: string
}

/** Takes deliveries directly after their commit: the worker of this process, or the queue. */
export interface FastPath {
  /** Whether it announces the deliveries that it takes and their events, before the first attempts. */
  announcesDeliveries: boolean
  /** The most leases of a subscription, where the database must count them: the events above it use the outbox. */
  quota: number | undefined
  /** It takes no delivery of these subscriptions now; undefined while it takes none at all. */
  saturated(): string[] | undefined
  /** The pause between commits: while the processor is the limit, the service must not accept more than it sends. */
  restMs(): number
  take(events: Candidate[], accepted: Accepted): void
}

export interface PublisherOptions {
  database: Database
  matcher: Matcher
  serviceEvents: ServiceEvents
  clock: Clock
  newId(): string
  /** Absent in a process that delivers nothing. */
  fastPath?: FastPath | undefined
  /** Called after a commit with entries for the outbox. */
  onCommitted(): void
  onError(error: unknown): void
}

const MAX_BATCH = 100
/** One commit waits for the disk while the next one is filled and sent. */
const COMMITS_UNDER_WAY = 2
const REST_MS = 1
/**
 * For publications before their commit: the bytes of their data, and their wait. Beyond these, producers must retry.
 */
const LIMITS = { size: 64 * 1024 * 1024, waitMs: 2000 }

export function createPublisher(options: PublisherOptions): Publisher {
  const { database, matcher, serviceEvents, clock, newId, fastPath, onCommitted, onError } = options

  const batcher = createBatcher<Candidate, Published>({
    maxSize: MAX_BATCH,
    maxConcurrent: COMMITS_UNDER_WAY,
    restMs: () => Math.max(REST_MS, fastPath?.restMs() ?? 0),
    run: commit,
    limits: { ...LIMITS, sizeOf: ({ publication }) => publication.data.length },
    isEveryonesFault: isDatabaseAway,
    isItemsFault: (error) => isDataFault(error) || isConflictOfTransactions(error),
  })

  async function commit(candidates: Candidate[]): Promise<(Published | Error)[]> {
    // Every process inserts keys in the same order, so that two batches never deadlock.
    const inOrder = candidates.toSorted((a, b) => compareKeys(a.publication, b.publication))
    const accepted = await accept({ database, matcher }, inOrder, roomOf(fastPath))
    if (!accepted.isMatchCurrent) void matcher.refresh().catch(onError)
    const changesOf = fastPath?.announcesDeliveries ? unmatchedChanges : acceptedChanges
    announceChanges(serviceEvents, changesOf(inOrder, accepted))
    if (accepted.deliveries.length > 0) fastPath?.take(inOrder, accepted)
    if (accepted.inOutbox.size > 0) onCommitted()
    const firsts = await findFirsts(candidates.filter(({ id }) => !accepted.ids.has(id)))
    return candidates.map((candidate) => {
      if (accepted.ids.has(candidate.id))
        return { eventId: candidate.id, status: 'PENDING', deduplicated: false }
      return answerFor(candidate, firsts)
    })
  }

  async function findFirsts(losers: Candidate[]): Promise<Map<string, FindByKeyRow>> {
    if (losers.length === 0) return new Map()
    const keys = losers.map(({ publication }) => publication.idempotencyKey)
    const rows = await database.query<FindByKeyRow>(findByKey, [keys])
    return new Map(rows.map((row) => [row.idempotencyKey, row]))
  }

  return {
    async publish(publication) {
      const hash = publication.idempotencyKey === null ? null : contentHash(publication)
      try {
        const createdAt = publication.createdAt ?? clock.now()
        const published = await batcher.add({ id: newId(), publication, contentHash: hash, createdAt })
        serviceEvents.emit('ingested', {
          result: published.deduplicated ? 'deduplicated' : 'accepted',
          count: 1,
        })
        return published
      } catch (error) {
        serviceEvents.emit('ingested', { result: 'rejected', count: 1 })
        throw error instanceof CongestedError ? congested() : error
      }
    },
  }
}

/** `undefined` without a fast path, or while it takes nothing. */
function roomOf(fastPath: FastPath | undefined): FastPathRoom | undefined {
  const saturated = fastPath?.saturated()
  return saturated && { saturated, quota: fastPath?.quota }
}

const congested = () =>
  new ServiceError(
    'SERVICE_UNAVAILABLE',
    'The database takes events more slowly than they come. This one was not stored: try again.',
    { retryAfterSeconds: 1 },
  )

function answerFor(
  { publication, contentHash }: Candidate,
  firsts: Map<string, FindByKeyRow>,
): Published | Error {
  const key = publication.idempotencyKey ?? ''
  const first = firsts.get(key)
  if (first === undefined) {
    // It was removed between the two statements: its key is free again.
    return new ServiceError(
      'SERVICE_UNAVAILABLE',
      'The first event of this key was just removed. Try again.',
      {
        retryAfterSeconds: 1,
      },
    )
  }
  if (first.contentHash !== contentHash) return idempotencyMismatch(key)
  return { eventId: first.id, status: first.status, deduplicated: true }
}

function compareKeys(a: Publication, b: Publication): number {
  const [left, right] = [a.idempotencyKey ?? '', b.idempotencyKey ?? '']
  return left < right ? -1 : left > right ? 1 : 0
}
