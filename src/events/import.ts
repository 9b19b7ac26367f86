/**
 * An import: events as the lines of a stream. Some are read, committed and counted at a time, and meanwhile the stream
 * waits, so an import needs little memory, however long it is.
 */
import { isUtf8 } from 'node:buffer'
import { setTimeout as pause } from 'node:timers/promises'
import { badInput, ServiceError } from '../errors.js'
import { type Line, readLines } from '../platform/lines.js'
import { toServiceError } from '../platform/service-errors.js'
import type { Viewer } from '../tenants/viewer.js'
import { eventTooLarge, MAX_BATCH_EVENTS, type Publication } from './publication.js'
import type { Published } from './publish.js'
import { type PublishManyContext, publishMany, readOneOfMany } from './publish-many.js'
import type { RawJson } from './raw-json.js'

/** Of one import. */
export const MAX_IMPORT_EVENTS = 100_000
const MAX_IMPORT_BYTES = 1024 * 1024 * 1024
/** The most refused lines that the answer names. */
export const MAX_IMPORT_ERRORS = 100
/** Lines of as many bytes are committed at once, or `MAX_BATCH_EVENTS` of them. */
const COMMIT_BYTES = 4 * 1024 * 1024

/** How long an import waits for the limits of tenants, and how often it tries. A request ends after 60 s. */
const PATIENCE_MS = 30_000
const RETRY_MS = 500

export interface Imported {
  accepted: number
  deduplicated: number
  rejected: number
  /** The first of the rejected, by the number of their lines, from 1. */
  errors: { line: number; error: ServiceError }[]
}

/**
 * @throws ServiceError when the rest can not be taken. Its message names the line up to which all were taken.
 */
export async function importEvents(
  context: PublishManyContext,
  stream: AsyncIterable<Buffer>,
  viewer: Viewer,
): Promise<Imported> {
  const imported: Imported = { accepted: 0, deduplicated: 0, rejected: 0, errors: [] }
  let waiting: { line: number; event: Publication | Error }[] = []
  let waitingBytes = 0
  let events = 0
  let takenTo = 0
  const patientUntil = performance.now() + PATIENCE_MS

  async function commit(): Promise<void> {
    const taken = waiting
    waiting = []
    waitingBytes = 0
    const results = await publishPatiently(taken.map(({ event }) => event))
    results.forEach((result, index) => {
      const line = taken[index]?.line ?? 0
      takenTo = line
      if (!(result instanceof Error)) imported[result.deduplicated ? 'deduplicated' : 'accepted'] += 1
      else {
        imported.rejected += 1
        if (imported.errors.length < MAX_IMPORT_ERRORS)
          imported.errors.push({ line, error: toServiceError(result) })
      }
    })
  }

  /** Publishes what its tenant may not publish yet a little later, so the stream comes as fast as the limit allows. */
  async function publishPatiently(events: (Publication | Error)[]): Promise<(Published | Error)[]> {
    const results = await publishMany(context, events)
    for (;;) {
      const early = [...results.keys()].filter((index) => mayComeLater(results[index]))
      if (early.length === 0 || performance.now() > patientUntil) return results
      await pause(RETRY_MS)
      const again = await publishMany(
        context,
        early.map((index) => events[index] as Publication),
      )
      for (const [place, index] of early.entries()) results[index] = again[place] as Published | Error
    }
  }

  async function take(line: Line): Promise<void> {
    const event = readLine(line, context.eventMaxBytes, viewer)
    if (event === undefined) return
    events += 1
    if (events > MAX_IMPORT_EVENTS) throw tooLarge(`${MAX_IMPORT_EVENTS} events`)
    waiting.push({ line: line.number, event })
    waitingBytes += line.bytes?.length ?? 0
    if (waiting.length === MAX_BATCH_EVENTS || waitingBytes >= COMMIT_BYTES) await commit()
  }

  try {
    for await (const lines of readLines(bounded(stream), context.eventMaxBytes))
      for (const line of lines) await take(line)
    await commit()
  } catch (error) {
    throw notTaken(toServiceError(error), takenTo)
  }
  if (events === 0) throw badInput([{ path: '', message: 'The body holds no event: send one in each line.' }])
  return imported
}

const mayComeLater = (result: Published | Error | undefined): boolean =>
  result instanceof ServiceError && result.code === 'TOO_MANY_REQUESTS'

/** @returns undefined for a line without anything */
function readLine({ bytes }: Line, maxBytes: number, viewer: Viewer): Publication | Error | undefined {
  if (bytes === undefined) return eventTooLarge(maxBytes)
  if (!isUtf8(bytes)) return badInput([{ path: '', message: 'The line is not valid UTF-8.' }])
  const text = bytes.toString().trim()
  if (text === '') return undefined
  try {
    return readOneOfMany(JSON.parse(text), text as RawJson, maxBytes, viewer)
  } catch (error) {
    return badInput([{ path: '', message: `The line is not valid JSON: ${(error as Error).message}` }])
  }
}

async function* bounded(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0
  try {
    for await (const chunk of stream) {
      bytes += chunk.length
      if (bytes > MAX_IMPORT_BYTES) throw tooLarge(`${MAX_IMPORT_BYTES / 1024 / 1024} MiB`)
      yield chunk
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
    throw badInput([{ path: '', message: 'The body broke off before its end.' }])
  }
}

const tooLarge = (most: string): ServiceError =>
  new ServiceError('PAYLOAD_TOO_LARGE', `An import takes at most ${most}. Send the rest in another one.`)

function notTaken(
  { code, message, errors, retryAfterSeconds, cause }: ServiceError,
  takenTo: number,
): ServiceError {
  const taken =
    takenTo === 0 ? 'No line was taken.' : `All lines up to line ${takenTo} were taken, and none after it.`
  return new ServiceError(code, `${message} ${taken}`, {
    cause,
    ...(errors && { errors }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  })
}
