/** Stops a process within the budget of a stop. */
import type { Logger } from 'pino'
import { LEFT_OPEN_MS, totalMs } from '../budgets.js'
import { ResourceHangsError, type Resources } from '../platform/resources.js'

/** Resolves once all resources are stopped. If one hangs, its name is logged and the process ends with exit code 1. */
export async function stopInTime(resources: Resources, graceMs: number, logger: Logger): Promise<void> {
  // A resource that hangs must not delay the end. The work that is lost then is done again, because it is in
  // PostgreSQL.
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
  logger.fatal({ resource }, 'a resource hangs: stopped without it')
  process.exit(1)
}

/**
 * Everything is stopped and recorded. While Redis is away, BullMQ still tries to connect, which must not delay the end.
 */
function exitDespiteOpenHandles(logger: Logger): void {
  logger.warn({ resources: process.getActiveResourcesInfo() }, 'ended although something was left open')
  process.exit()
}
