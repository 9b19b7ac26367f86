/** Many events of one request: each is read, published and answered by itself. */
import { parseInput } from '../platform/input-errors.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { Viewer } from '../tenants/viewer.js'
import { exceptRefused } from './except-refused.js'
import { eventTooLarge, type Publication, publicationBody, readPublication } from './publication.js'
import type { Published, Publisher } from './publish.js'
import type { RawJson } from './raw-json.js'

export interface PublishManyContext {
  publisher: Publisher
  serviceEvents: ServiceEvents
  eventMaxBytes: number
}

/** @param text the source of the parsed `event` */
export function readOneOfMany(
  event: unknown,
  text: RawJson,
  maxBytes: number,
  viewer: Viewer,
): Publication | Error {
  try {
    if (Buffer.byteLength(text) > maxBytes) return eventTooLarge(maxBytes)
    return readPublication(parseInput(publicationBody, event), text, undefined, viewer)
  } catch (error) {
    return error as Error
  }
}

/**
 * Publishes those that could be read, in one commit.
 *
 * @returns for each, in order, what a lone event would have been answered with
 * @throws as `publishAll` of a publisher does
 */
export function publishMany(
  { publisher, serviceEvents }: Pick<PublishManyContext, 'publisher' | 'serviceEvents'>,
  read: (Publication | Error)[],
): Promise<(Published | Error)[]> {
  const unread = read.filter((one) => one instanceof Error).length
  serviceEvents.emit('ingested', { result: 'rejected', count: unread })
  return exceptRefused(
    read,
    (one) => (one instanceof Error ? one : undefined),
    (valid) => publisher.publishAll(valid as Publication[]),
  )
}
