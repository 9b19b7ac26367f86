/**
 * How far the client of an SSE stream has read. The position is a time, and the `id` of each event of the stream. A
 * client that reconnects sends the last one back as `Last-Event-ID`
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 */
import { badInput, ServiceError } from '../errors.js'
import { parseIsoTime } from '../platform/iso-time.js'
import { limits } from './limits.js'

const SECOND_MS = 1000

export interface StreamPosition {
  /** What the client sent as `Last-Event-ID`. */
  readonly lastEventId: string | undefined
  /** Starts the ids of the stream at this time. A stream that can't be resumed has none. */
  start(at: Date): void
  /** The change that is sent next. The position never goes back. */
  advance(changedAt: Date): void
  /** Whether everything was sent and the stream waits for a change; set by what reads the changes. */
  isIdle(): boolean
  /** Undefined in a stream that can't be resumed. */
  readonly id: string | undefined
  /** The id after a pause: now, if the stream is idle. */
  idAfterPause(): string | undefined
}

export function createStreamPosition(lastEventId: string | undefined, now: () => Date): StreamPosition {
  let position: Date | undefined
  const advance = (to: Date) => {
    if (position === undefined || to > position) position = to
  }
  const stream: StreamPosition = {
    lastEventId: lastEventId === '' ? undefined : lastEventId,
    start: advance,
    advance,
    isIdle: () => false,
    get id() {
      return position?.toISOString()
    },
    idAfterPause() {
      if (position === undefined || !stream.isIdle()) return undefined
      advance(now())
      return stream.id
    },
  }
  return stream
}

/** @throws ServiceError BAD_USER_INPUT for an id of another service, CONFLICT for one that is too old to resume from */
export function readLastEventId(lastEventId: string, now: Date): Date {
  const time = parseIsoTime(lastEventId)
  if (time === undefined)
    throw badInput([{ path: 'Last-Event-ID', message: 'is not an id of a stream of this service' }])
  if (now.getTime() - time.getTime() > limits.resumeSeconds * SECOND_MS) throw tooOld()
  return time > now ? now : time
}

const tooOld = () =>
  new ServiceError(
    'CONFLICT',
    `A stream resumes from the last ${limits.resumeSeconds} seconds, and this Last-Event-ID is older. Subscribe ` +
      'without it, and query with `updatedAt: {from: …}` for what was missed.',
  )

/** For a stream that can't be resumed. @throws ServiceError BAD_USER_INPUT when the client asks for it */
export function refuseToResume(position: StreamPosition | undefined, message: string): void {
  if (position?.lastEventId !== undefined) throw badInput([{ path: 'Last-Event-ID', message }])
}
