/**
 * Composes the service. A start opens resources in the order in which they depend on each other, connects them, and
 * only then lets work begin. A stop closes them in the opposite order: the service accepts no new work, finishes and
 * records the work in flight, and closes connections.
 */
import type { Logger } from 'pino'
import { createEgressGuard } from './delivery-engine/egress/egress-guard.js'
import type { Resource } from './platform/resources.js'
import { createBackgroundWork } from './service/background-work.js'
import { createStartContext, type ServiceConfig, type StartContext } from './service/context.js'
import { createHttpServer } from './service/http.js'
import { openMessaging } from './service/messaging.js'
import { createPull } from './service/pull.js'
import { openStorage } from './service/storage.js'

export type { ServiceConfig }

export interface Service extends Resource {
  /** The address on which the service listens: `http://127.0.0.1:3000`. */
  url: string
  /** Makes the next stop close the listener at once, because no load balancer has to notice the stop first. */
  skipGrace(): void
}

/** @param stopSignal gives up the start between two of its steps */
export async function startService(
  config: ServiceConfig,
  logger: Logger,
  stopSignal?: AbortSignal,
): Promise<Service> {
  stopSignal?.throwIfAborted()
  const context = createStartContext(config, logger, stopSignal)
  const { resources } = context
  try {
    return Object.assign(resources, await start(context))
  } catch (error) {
    await Promise.resolve(resources[Symbol.asyncDispose]()).catch(() => {})
    throw error
  }
}

async function start(context: StartContext): Promise<Pick<Service, 'url' | 'skipGrace'>> {
  const storage = await openStorage(context)
  const messaging = await openMessaging(context, storage)
  const guard = createEgressGuard(context.config.delivery)
  const pull = createPull(context, storage, messaging)
  const work = await createBackgroundWork(context, storage, messaging, { guard, pull })
  const { listen, skipGrace } = await createHttpServer(context, { storage, messaging, guard, pull, work })
  context.stopSignal?.throwIfAborted()
  await work.start()
  context.stopSignal?.throwIfAborted()
  return { url: await listen(), skipGrace }
}
