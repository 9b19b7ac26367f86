/**
 * The work of a delivering process: the delivery engine, replays, erasures, and what removes old metrics and, if it is
 * asked for, events.
 */
import type { Logger } from 'pino'
import { RECORD_MS, UNDER_WAY_MS } from '../budgets.js'
import type { Config } from '../config.js'
import type { EgressGuard } from '../delivery-engine/egress/egress-guard.js'
import { describeProxies } from '../delivery-engine/egress/egress-settings.js'
import { createDeliveryEngine, type DeliveryEngine } from '../delivery-engine/engine.js'
import { createMetricsExpiry } from '../delivery-metrics/expire.js'
import { createErasureRunner } from '../erasures/runner.js'
import type { Poller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import { createLeaseExpiry } from '../pull/expire-leases.js'
import { createReplayRunner } from '../replays/runner.js'
import { erasePayloads } from '../retention/erase-payloads.js'
import { removeLogs } from '../retention/remove-logs.js'
import { createRetention, type RetentionOptions } from '../retention/sweeper.js'
import type { ServiceConfig, StartContext } from './context.js'
import type { Messaging } from './messaging.js'
import type { Pull } from './pull.js'
import type { Storage } from './storage.js'

export interface BackgroundWork {
  /** Undefined in a process without deliveries (ROLE=api). */
  engine: DeliveryEngine | undefined
  /** Nothing runs before this call, so that all listeners can be connected first. */
  start(): Promise<void>
  /** These resources begin to stop together with HTTP, not after it. */
  resources: AsyncDisposable[]
}

const noWork: BackgroundWork = { engine: undefined, start: async () => {}, resources: [] }

/** How long HTTP and attempts in flight may go on during a stop. */
export const underWayMs = ({ shutdownGraceMs }: Config): number => shutdownGraceMs + UNDER_WAY_MS

export async function createBackgroundWork(
  context: StartContext,
  { database, matcher, clock, bodyCipher, signingKeys }: Storage,
  { queue, wakeUps, feedWakes }: Messaging,
  { guard, pull }: { guard: EgressGuard; pull: Pull },
): Promise<BackgroundWork> {
  const { config, logger, resources, serviceEvents } = context
  if (config.role === 'api') return noWork
  logProxies(config, logger)
  const engine = resources.use(
    await createDeliveryEngine({
      ...{ config, database, matcher, queue, wakeUps, serviceEvents, clock, guard, signingKeys, bodyCipher },
      breaker: config.breaker,
      onPullable: feedWakes.send,
      onCutOff: (attempts) => Object.assign(context.cutOff, { attempts }),
    }),
    'delivery engine',
    underWayMs(config) + RECORD_MS,
  )
  const replays = createReplayRunner({
    ...{ database, serviceEvents, onDue: () => wakeUps.send('due') },
    onError: context.reportTrouble('replays'),
  })
  wakeUps.listen('replays', replays.wake)
  const erasures = createErasureRunner({
    ...{ database, serviceEvents },
    onError: context.reportTrouble('erasures'),
  })
  wakeUps.listen('erasures', erasures.wake)
  const leaseExpiry = createLeaseExpiry({
    ...{ database, recordPull: pull.recordPull },
    onError: context.reportTrouble('leases of consumers'),
  })
  const pollers = {
    ...createCleaners(context, database),
    replays,
    erasures,
    'leases of consumers': leaseExpiry,
  }
  for (const [name, poller] of Object.entries(pollers)) resources.use(poller, name, underWayMs(config))
  return {
    engine,
    async start() {
      await engine.start()
      for (const poller of Object.values(pollers)) poller.start()
    },
    resources: [engine, ...Object.values(pollers)],
  }
}

/** What removes old rows. */
function createCleaners({ config, serviceEvents, reportTrouble }: StartContext, database: Database) {
  const { retentionDays, payloadRetentionDays, metricsRetentionDays, logs } = config
  const metricsExpiry = createMetricsExpiry({
    ...{ database, days: metricsRetentionDays },
    onError: reportTrouble('metrics expiry'),
  })
  const cleaners: Record<string, Poller> = { 'metrics expiry': metricsExpiry }
  const add = (name: string, days: number | undefined, remove: RetentionOptions['remove']) => {
    if (days === undefined) return
    cleaners[name] = createRetention({
      ...{ database, serviceEvents, days, ...(remove && { remove }) },
      onError: reportTrouble(name),
    })
  }
  add('retention', retentionDays, undefined)
  add('retention of payloads', payloadRetentionDays, erasePayloads)
  add('retention of logs', logs.retentionDays, removeLogs)
  return cleaners
}

function logProxies({ egress }: ServiceConfig, logger: Logger): void {
  const proxies = describeProxies(egress)
  if (Object.keys(proxies).length > 0) logger.info({ proxies }, 'deliveries go through an outgoing proxy')
  if (egress.ignored.length === 0) return
  const how = 'EGRESS_PROXY_FROM_ENVIRONMENT=true makes them count'
  logger.info({ variables: egress.ignored }, `proxies of the environment don't count for deliveries: ${how}`)
}
