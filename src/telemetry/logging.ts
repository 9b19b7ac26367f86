/** Structured logs. Nothing that is logged holds a secret: no keys, no signatures, no bodies, no query strings. */
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino'
import pretty from 'pino-pretty'
import type { ServiceEvents } from './service-events.js'

export interface LoggerOptions {
  environment: 'development' | 'production' | 'test'
  logLevel: string
}

/** @param destination instead of standard output */
export function createLogger(
  { environment, logLevel }: LoggerOptions,
  destination?: DestinationStream,
): Logger {
  const isForPeople = environment === 'development' && process.stdout.isTTY
  const options = { level: logLevel, base: { service: 'node-event-service' }, serializers: { err: toLogged } }
  if (destination) return pino(options, destination)
  return isForPeople ? pino(options, pretty({ ignore: 'pid,hostname,service' })) : pino(options)
}

/**
 * What is logged of an error. Whatever else it carries stays behind: PostgreSQL's hold the whole row that was refused
 * (`detail`) and parameters (`where`), and Prisma hands those on.
 */
function toLogged(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { type, message, stack, code } = stdSerializers.err(error)
  const errors = error instanceof AggregateError ? error.errors.map(toLogged) : undefined
  return { type, message, stack, code, errors }
}

/** One wide line for each attempt, one for each batch that retention removed, and one for whatever is wrong. */
export function logServiceEvents(serviceEvents: ServiceEvents, logger: Logger): void {
  serviceEvents.on('attemptRecorded', (attempt) => {
    const level = attempt.status === 'SENT' ? 'info' : 'warn'
    logger[level](attempt, `attempt ${attempt.attempt}: ${attempt.status}`)
  })
  serviceEvents.on('removed', ({ events, deliveries, logs, payloads }) => {
    logger.info({ events, deliveries, logs, payloads }, 'retention: removed what was old')
  })
  serviceEvents.on('clock', ({ status, offsetMs }) => {
    if (status === 'off') logger.warn({ offsetMs }, describeClock(offsetMs))
    else logger.info({ offsetMs }, "clock: this process's and the database's agree again")
  })
  const mayLog = createThrottle(FAILURE_LOGGED_EVERY_MS)
  serviceEvents.on('failed', ({ where, error }) => {
    const unlogged = mayLog(where)
    if (unlogged !== undefined) logger.error({ err: error, where, unlogged }, `trouble: ${where}`)
  })
}

function describeClock(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1000)
  const where = `${seconds} s ${offsetMs > 0 ? 'ahead of' : 'behind'} the database's`
  return `clock: this process's is ${where}, which is the one that counts: have NTP set the one that is wrong`
}

/** A part that is away makes trouble many times a second, and says nothing new by it. */
const FAILURE_LOGGED_EVERY_MS = 1000

/** Answers, once in a while for each key, with how often it didn't in between. */
function createThrottle(everyMs: number): (key: string) => number | undefined {
  const last = new Map<string, { at: number; unlogged: number }>()
  return (key) => {
    const entry = last.get(key)
    const now = performance.now()
    if (entry !== undefined && now - entry.at < everyMs) {
      entry.unlogged += 1
      return undefined
    }
    last.set(key, { at: now, unlogged: 0 })
    return entry?.unlogged ?? 0
  }
}
