/**
 * Uncaught errors. Each becomes one log line with what a developer needs to find it, without the properties of the
 * error: an error of Redis has the command's arguments, which may be passwords, and an error of PostgreSQL has values
 * of rows.
 */
import { type Logger, pino } from 'pino'
import { redact } from './redact.js'

const MAX_MESSAGE_LENGTH = 500
/** An error that repeats must not fill the disk while the process ends. */
const MAX_REPORTED = 10

/** For programs whose standard output is for people or for other programs. */
export const createCrashLogger = (): Logger =>
  pino({ level: 'fatal', base: { service: 'node-event-service' } }, pino.destination({ dest: 2, sync: true }))

/** What is logged of an error: its name, its first line without passwords, and where it was thrown. */
export function describeCrash(error: unknown): {
  type: string
  message: string
  code?: unknown
  at: string[]
} {
  if (!(error instanceof Error)) return { type: typeof error, message: '', at: [] }
  const { name, message, stack = '', code } = error as NodeJS.ErrnoException
  const [firstLine = ''] = redact(message).trim().split('\n')
  return {
    type: name,
    message: firstLine.slice(0, MAX_MESSAGE_LENGTH),
    ...(typeof code === 'string' && { code }),
    at: Array.from(stack.matchAll(/^ +at (.+)$/gm), ([, place = '']) => place),
  }
}

/**
 * Hands uncaught errors to the listener, instead of Node.js printing them with all properties. The listener must end
 * the process, because its state is unknown.
 */
export function watchForCrashes(onCrash: (error: unknown, origin: string) => void): void {
  let count = 0
  const report = (error: unknown, origin: string) => {
    count += 1
    if (count <= MAX_REPORTED) onCrash(error, origin)
  }
  process.on('uncaughtException', report)
  process.on('unhandledRejection', (error) => report(error, 'unhandledRejection'))
}
