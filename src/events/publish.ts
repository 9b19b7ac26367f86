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
import type { IngestResult, ServiceEvents } from '../telemetry/service-events.js'
import type { TenantLimits } from '../tenants/limits.js'
import { type Accepted, accept, type FastPathRoom } from './accept.js'
import { acceptApart } from './accept-apart.js'
import { acceptedChanges, unmatchedChanges } from './accepted-changes.js'
import { type Candidate, storedKeyOf } from './candidate.js'
import { exceptRefused } from './except-refused.js'
import { contentHash, idempotencyMismatch, isPlain, type Publication } from './publication.js'
import { refuseTimes } from './times.js'

export interface Published {
  eventId: string
  status: EventStatus
  /** Whether an earlier event with the same idempotency key and content answers for this one. */
  deduplicated: boolean
}

export interface Publisher {
  /**
   * @throws ServiceError BAD_USER_INPUT for its times, IDEMPOTENCY_MISMATCH, TOO_MANY_REQUESTS of its tenant;
   * DatabaseUnavailableError, and then nothing is promised
   */
  publish(publication: Publication): Promise<Published>
  /**
   * Publishes many in one commit, each answered by itself: a result, or the error that a lone publication would have.
   *
   * @throws DatabaseUnavailableError, and then nothing is promised; ServiceError SERVICE_UNAVAILABLE
   */
  publishAll(publications: Publication[]): Promise<(Published | Error)[]>
}

/** `$1` idempotency keys, as they are stored. */
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
  /** Absent where tenants have no limits. */
  tenantLimits?: TenantLimits | undefined
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
const sizeOf = ({ publication }: Candidate): number => publication.data.length
const isItemsFault = (error: unknown) => isDataFault(error) || isConflictOfTransactions(error)

export function createPublisher(options: PublisherOptions): Publisher {
  const { database, matcher, serviceEvents, clock, newId, fastPath, tenantLimits, onCommitted, onError } =
    options

  const createLane = (roomFor: () => FastPathRoom | undefined, maxConcurrent: number) =>
    createBatcher<Candidate, Published>({
      maxSize: MAX_BATCH,
      maxConcurrent,
      restMs: () => Math.max(REST_MS, fastPath?.restMs() ?? 0),
      run: (candidates) => commitAllowed(candidates, roomFor),
      limits: { ...LIMITS, sizeOf },
      isEveryonesFault: isDatabaseAway,
      isItemsFault,
    })
  const lane = createLane(() => roomOf(fastPath), COMMITS_UNDER_WAY)
  /**
   * Apart, so that events with a time or an order of their own take no other one off the fast path. One commit at a
   * time, because two would have the order of their keys by chance.
   */
  const apartLane = createLane(() => undefined, 1)
  const add = (one: Candidate): Promise<Published> => (isPlain(one.publication) ? lane : apartLane).add(one)

  /**
   * For requests with many events. One commits at a time, because producers of single events should not wait for them.
   */
  const bulk = createBatcher<Candidate[], (Published | Error)[]>({
    maxSize: 1,
    maxConcurrent: 1,
    run: (requests) => Promise.all(requests.map(commitAll)),
    limits: { ...LIMITS, sizeOf: (candidates) => candidates.reduce((sum, one) => sum + sizeOf(one), 0) },
    isEveryonesFault: isDatabaseAway,
  })

  /** Through the outbox, whose dispatcher shares out what one producer brings at once. */
  async function commitAll(candidates: Candidate[]): Promise<(Published | Error)[]> {
    try {
      return await commitAllowed(candidates, () => undefined)
    } catch (error) {
      if (!isItemsFault(error)) throw error
      return Promise.all(candidates.map((one) => add(one).catch(toRefusal)))
    }
  }

  /** Commits what the limits of tenants allow, and refuses the rest. */
  async function commitAllowed(
    candidates: Candidate[],
    roomFor: () => FastPathRoom | undefined,
  ): Promise<(Published | Error)[]> {
    if (tenantLimits === undefined) return commit(candidates, roomFor())
    const refusals = await tenantLimits.refuse(candidates.map(({ publication }) => publication.tenant))
    return exceptRefused(
      candidates,
      (_, index) => refusals[index],
      (allowed) => commit(allowed, roomFor()),
    )
  }

  async function commit(
    candidates: Candidate[],
    room: FastPathRoom | undefined,
  ): Promise<(Published | Error)[]> {
    // Every process inserts keys in the same order, so that two batches never deadlock.
    const inOrder = candidates.toSorted((a, b) => compareKeys(a.publication, b.publication))
    const accepted = candidates.every(({ publication }) => isPlain(publication))
      ? await accept({ database, matcher }, inOrder, room)
      : await acceptApart(database, inOrder, candidates)
    if (!accepted.isMatchCurrent) void matcher.refresh().catch(onError)
    const changesOf = fastPath?.announcesDeliveries ? unmatchedChanges : acceptedChanges
    announceChanges(serviceEvents, changesOf(inOrder, accepted))
    if (accepted.scheduled.size > 0)
      announceChanges(serviceEvents, { events: () => [...accepted.scheduled.values()] })
    if (accepted.deliveries.length > 0) fastPath?.take(inOrder, accepted)
    if (accepted.inOutbox.size > 0) onCommitted()
    const firsts = await findFirsts(candidates.filter(({ id }) => !accepted.ids.has(id)))
    return candidates.map((candidate) => {
      if (!accepted.ids.has(candidate.id)) return answerFor(candidate, firsts)
      const status = accepted.scheduled.has(candidate.id) ? 'SCHEDULED' : 'PENDING'
      return { eventId: candidate.id, status, deduplicated: false }
    })
  }

  async function findFirsts(losers: Candidate[]): Promise<Map<string, FindByKeyRow>> {
    if (losers.length === 0) return new Map()
    const keys = losers.map(({ publication }) => storedKeyOf(publication))
    const rows = await database.query<FindByKeyRow>(findByKey, [keys])
    return new Map(rows.map((row) => [row.idempotencyKey, row]))
  }

  const toCandidate = (publication: Publication): Candidate => ({
    id: newId(),
    publication,
    contentHash: publication.idempotencyKey === null ? null : contentHash(publication),
    createdAt: publication.createdAt ?? clock.now(),
  })
  const count = (result: IngestResult, publications: number) =>
    serviceEvents.emit('ingested', { result, count: publications })
  const countOne = ({ deduplicated }: Published) => count(deduplicated ? 'deduplicated' : 'accepted', 1)

  /** Counts what was refused with all of its publications. */
  async function publishing<Result>(publications: number, result: Promise<Result>): Promise<Result> {
    try {
      return await result
    } catch (error) {
      count('rejected', publications)
      throw toRefusal(error as Error)
    }
  }

  return {
    async publish(publication) {
      const refusal = refuseTimes(publication, clock.now())
      // Who asked counts what is refused before it comes here, and so this.
      if (refusal !== undefined) throw refusal
      const published = await publishing(1, add(toCandidate(publication)))
      countOne(published)
      return published
    },
    async publishAll(publications) {
      const now = clock.now()
      const results = await exceptRefused(
        publications,
        (one) => refuseTimes(one, now),
        (valid) => publishing(valid.length, bulk.add(valid.map(toCandidate))),
      )
      for (const result of results) {
        if (result instanceof Error) count('rejected', 1)
        else countOne(result)
      }
      return results
    },
  }
}

/** `undefined` without a fast path, or while it takes nothing. */
function roomOf(fastPath: FastPath | undefined): FastPathRoom | undefined {
  const saturated = fastPath?.saturated()
  return saturated && { saturated, quota: fastPath?.quota }
}

function toRefusal(error: Error): Error {
  if (!(error instanceof CongestedError)) return error
  return new ServiceError(
    'SERVICE_UNAVAILABLE',
    'The database takes events more slowly than they come. This one was not stored: try again.',
    { retryAfterSeconds: 1 },
  )
}

function answerFor(
  { publication, contentHash }: Candidate,
  firsts: Map<string, FindByKeyRow>,
): Published | Error {
  const first = firsts.get(storedKeyOf(publication) ?? '')
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
  if (first.contentHash !== contentHash) return idempotencyMismatch(publication.idempotencyKey ?? '')
  return { eventId: first.id, status: first.status, deduplicated: true }
}

function compareKeys(a: Publication, b: Publication): number {
  const [left, right] = [storedKeyOf(a) ?? '', storedKeyOf(b) ?? '']
  return left < right ? -1 : left > right ? 1 : 0
}
