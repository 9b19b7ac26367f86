/** Structured logs. Nothing that is logged holds a secret: no keys, no signatures, no bodies, no query strings. */
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from '../config.js'
import type { Happenings } from './happenings.js'

export function createLogger({ environment, logLevel }: Pick<Config, 'environment' | 'logLevel'>): Logger {
  const isForPeople = environment === 'development' && process.stdout.isTTY
  const options = { level: logLevel, base: { service: 'node-event-service' } }
  return isForPeople ? pino(options, pretty({ ignore: 'pid,hostname,service' })) : pino(options)
}

/** One wide line for each attempt, and one for each trouble. */
export function logHappenings(happenings: Happenings, logger: Logger): void {
  happenings.on('attempted', (attempt) => {
    const level = attempt.status === 'SENT' ? 'info' : 'warn'
    logger[level](attempt, `attempt ${attempt.attempt}: ${attempt.status}`)
  })
  happenings.on('trouble', ({ where, error }) => logger.error({ err: error, where }, `trouble: ${where}`))
}
