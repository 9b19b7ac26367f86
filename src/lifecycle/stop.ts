/** A stop from its request to the end of the process, in order or not, and within its budget. */
import type { Logger } from 'pino'
import { LEFT_OPEN_MS, totalMs } from '../budgets.js'
import { ResourceHangsError, type Resources } from '../platform/resources.js'

/** Resolves once everything is stopped. Whatever hangs is named, and the process ended by exit code 1. */
export async function stopInTime(resources: Resources, graceMs: number, logger: Logger): Promise<void> {
  // Nothing that hangs may keep the process from ending in time. What is lost then is done again: it is all in PostgreSQL.
  const deadline = setTimeout(() => exitDespiteHanging(resources.stopping, logger), totalMs(graceMs)).unref()
  try {
    await resources[Symbol.asyncDispose]()
  } catch (error) {
    if (error instanceof ResourceHangsError) exitDespiteHanging(error.resource, logger)
    throw error
  } finally {
    clearTimeout(deadline)
    setTimeout(exitDespiteOpenHandles, LEFT_OPEN_MS, logger).unref()
  }
  logger.info('stopped')
}

function exitDespiteHanging(resource: string | undefined, logger: Logger): never {
  logger.fatal({ resource }, 'something hangs: stopped without it')
  process.exit(1)
}

/** All is stopped and recorded. While Redis is away BullMQ goes on trying to connect, which must not hold up the end. */
function exitDespiteOpenHandles(logger: Logger): void {
  logger.warn({ resources: process.getActiveResourcesInfo() }, 'ended although something was left open')
  process.exit()
}
