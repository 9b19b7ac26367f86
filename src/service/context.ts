/** The context of every step of a start, and the configuration for it. */
import type { Logger } from 'pino'
import type { Config } from '../config.js'
import type { BreakerBounds } from '../model/breaker.js'
import type { Pooling } from '../platform/postgres/pooler.js'
import { createResources, type Resources } from '../platform/resources.js'
import { logServiceEvents } from '../telemetry/logging.js'
import { createServiceEvents, type ServiceEvents } from '../telemetry/service-events.js'

/** The database must have been migrated. */
export interface ServiceConfig extends Config {
  databaseUrl: string
  /** Leads to the database past a pooler. The default is `databaseUrl`. */
  directUrl?: string
  /** The mode of the pooler at `databaseUrl`. The default is `none`. */
  pooling?: Pooling
  /** The number of connections in the pool of the hot path. */
  poolSize?: number
  /** When endpoints are paused. The default is `breakerBounds`. */
  breaker?: BreakerBounds
}

export interface StartContext {
  config: ServiceConfig
  logger: Logger
  /** Each step adds its resources here. */
  resources: Resources
  serviceEvents: ServiceEvents
  /** Ends the start between two steps. */
  stopSignal: AbortSignal | undefined
  cutOff: CutOffCounts
  /** @returns a handler; it reports errors of the named resource as the service event `failed` */
  reportTrouble(where: string): (error: unknown) => void
}

/** The work cut off by a stop at the end of its time. */
export interface CutOffCounts {
  connections?: number
  attempts?: number
}

export function createStartContext(
  config: ServiceConfig,
  logger: Logger,
  stopSignal: AbortSignal | undefined,
): StartContext {
  const resources = createResources()
  const serviceEvents = createServiceEvents()
  logServiceEvents(serviceEvents, logger)
  return {
    ...{ config, logger, resources, serviceEvents, stopSignal },
    cutOff: logCutOffWork(resources, logger),
    reportTrouble: (where) => (error) => void serviceEvents.emit('failed', { where, error }),
  }
}

/** Must be the first resource: the first is closed last, when all counts are known. */
function logCutOffWork(resources: Resources, logger: Logger): CutOffCounts {
  const cutOff: CutOffCounts = {}
  resources.use({
    async [Symbol.asyncDispose]() {
      if (Object.keys(cutOff).length > 0)
        logger.warn(cutOff, 'the stop cut off what did not end in its time; attempts are made again')
    },
  })
  return cutOff
}
