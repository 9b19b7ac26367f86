/** Metrics for Prometheus. Counters listen to service events, and gauges read their sources at each scrape. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { withTimeout } from '../platform/timeout.js'
import type { ServiceEvents } from './service-events.js'
import { createPrinter } from './shared-metrics.js'

export interface Metrics {
  readonly contentType: string
  print(): Promise<string>
  observeRequest(method: string, route: string, status: number, seconds: number): void
}

/** Read at each scrape. A gauge whose source fails keeps its last value. */
export interface MetricSources {
  outbox(): Promise<{ pending: number; oldestAgeSeconds: number; scheduled: number }>
  queueJobs(): Promise<Record<string, number>>
  pausedEndpoints(): Promise<number>
  deliveriesInFlight(): number
  clockOffsetMs(): number
}

const PREFIX = 'node_event_service_'
const SOURCE_TIMEOUT_MS = 1000
const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const ATTEMPT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60]
const LATENCY_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1800, 3600, 14_400, 86_400,
]

export function createMetrics(serviceEvents: ServiceEvents, sources: MetricSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  countDeliveries(registers, serviceEvents)
  countRemoved(registers, serviceEvents)
  askSources(registers, sources)

  const ingested = new Counter({
    name: `${PREFIX}events_ingested_total`,
    help: 'Requests to publish an event, by how they ended.',
    labelNames: ['result'],
    registers,
  })
  for (const result of ['accepted', 'deduplicated', 'rejected']) ingested.inc({ result }, 0)
  serviceEvents.on('ingested', ({ result, count }) => ingested.inc({ result }, count))

  const refused = new Counter({
    name: `${PREFIX}auth_failures_total`,
    help: 'Requests and WebSockets without an API key, with a wrong one, or with one wrong key too many.',
    labelNames: ['reason'],
    registers,
  })
  for (const reason of ['missing', 'wrong', 'limited']) refused.inc({ reason }, 0)
  serviceEvents.on('refused', (reason) => refused.inc(reason))

  const filterErrors = new Counter({
    name: `${PREFIX}filter_errors_total`,
    help: 'Errors of filters of subscriptions; the event is then not delivered to the subscription.',
    registers,
  })
  serviceEvents.on('filtersFailed', ({ count }) => filterErrors.inc(count))

  const schemaViolations = new Counter({
    name: `${PREFIX}schema_violations_total`,
    help: 'Published events that the schema of their type does not allow, by the mode of the type.',
    labelNames: ['mode'],
    registers,
  })
  for (const mode of ['warn', 'enforce']) schemaViolations.inc({ mode }, 0)
  serviceEvents.on('schemaViolated', ({ mode }) => schemaViolations.inc({ mode: mode.toLowerCase() }))

  const requests = new Histogram({
    name: `${PREFIX}http_request_duration_seconds`,
    help: 'How long requests to this service took.',
    labelNames: ['method', 'route', 'status'],
    buckets: FAST_SECONDS,
    registers,
  })
  return {
    contentType: registry.contentType,
    print: createPrinter(registry),
    observeRequest: (method, route, status, seconds) => requests.observe({ method, route, status }, seconds),
  }
}

function countDeliveries(registers: Registry[], serviceEvents: ServiceEvents): void {
  const counter = (name: string, help: string) => new Counter({ name: PREFIX + name, help, registers })
  const ended = {
    SENT: counter('deliveries_sent_total', 'Deliveries answered with 2xx.'),
    FAILED: counter('deliveries_failed_total', 'Attempts that failed and left another to come.'),
    DEAD: counter('deliveries_dead_total', 'Deliveries given up.'),
  }
  const duration = new Histogram({
    name: `${PREFIX}delivery_duration_seconds`,
    help: 'How long one attempt took, from the look-up of the name to the end of the answer.',
    buckets: ATTEMPT_SECONDS,
    registers,
  })
  const latency = new Histogram({
    name: `${PREFIX}delivery_latency_seconds`,
    help: 'From the acceptance of an event, or from its deliverAt, to the first 2xx of a delivery.',
    buckets: LATENCY_SECONDS,
    registers,
  })
  const probes = new Counter({
    name: `${PREFIX}probes_total`,
    help: 'Attempts to paused endpoints, by how they ended.',
    labelNames: ['result'],
    registers,
  })
  for (const result of ['sent', 'failed']) probes.inc({ result }, 0)
  const expired = counter('deliveries_expired_total', 'Deliveries given up because their event had expired.')
  serviceEvents.on('expired', ({ count }) => {
    expired.inc(count)
    ended.DEAD.inc(count)
  })
  serviceEvents.on('probed', ({ isSent }) => probes.inc({ result: isSent ? 'sent' : 'failed' }))
  serviceEvents.on('attemptRecorded', ({ status, responseTimeMs, sinceAcceptedMs }) => {
    if (status !== 'PENDING') ended[status].inc()
    duration.observe(responseTimeMs / 1000)
    if (status === 'SENT') latency.observe(sinceAcceptedMs / 1000)
  })
}

function countRemoved(registers: Registry[], serviceEvents: ServiceEvents): void {
  const removed = new Counter({
    name: `${PREFIX}retention_removed_total`,
    help: 'Rows that were removed and payloads that were erased, because RETENTION_DAYS, LOG_RETENTION_DAYS or RETENTION_PAYLOAD_DAYS were over.',
    labelNames: ['kind'],
    registers,
  })
  const kinds = ['events', 'deliveries', 'logs', 'payloads'] as const
  for (const kind of kinds) removed.inc({ kind }, 0)
  serviceEvents.on('removed', (counts) => {
    for (const kind of kinds) removed.inc({ kind }, counts[kind])
  })
}

/** Three gauges of one answer: those of a scrape are asked at once. */
function askOutbox(registers: Registry[], sources: MetricSources): void {
  type Outbox = Awaited<ReturnType<MetricSources['outbox']>>
  let asked: Promise<Outbox | undefined> | undefined
  const ask = () =>
    (asked ??= answerInTime(sources.outbox()).finally(() => {
      asked = undefined
    }))
  const gauge = (name: string, help: string, read: (outbox: Outbox) => number) =>
    new Gauge({
      ...{ name: PREFIX + name, help, registers },
      // Every process reads the same database.
      aggregator: 'first',
      async collect() {
        const outbox = await ask()
        if (outbox !== undefined) this.set(read(outbox))
      },
    })
  gauge(
    'outbox_oldest_age_seconds',
    'How long the oldest accepted event has waited for its dispatch.',
    ({ oldestAgeSeconds }) => oldestAgeSeconds,
  )
  gauge('outbox_pending', 'Accepted events that are not dispatched yet.', ({ pending }) => pending)
  gauge('events_scheduled', 'Events that wait for their deliverAt.', ({ scheduled }) => scheduled)
}

function askSources(registers: Registry[], sources: MetricSources): void {
  askOutbox(registers, sources)
  new Gauge({
    name: `${PREFIX}queue_jobs`,
    help: 'Jobs on the queue; one carries many deliveries.',
    labelNames: ['state'],
    ...{ registers, aggregator: 'first' },
    async collect() {
      const jobs = await answerInTime(sources.queueJobs())
      for (const [state, count] of Object.entries(jobs ?? {})) this.set({ state }, count)
    },
  })
  new Gauge({
    name: `${PREFIX}endpoints_paused`,
    help: 'Endpoints that keep failing and get only probes.',
    ...{ registers, aggregator: 'first' },
    async collect() {
      const paused = await answerInTime(sources.pausedEndpoints())
      if (paused !== undefined) this.set(paused)
    },
  })
  new Gauge({
    name: `${PREFIX}deliveries_in_flight`,
    help: 'Requests to endpoints that are under way.',
    registers,
    collect() {
      this.set(sources.deliveriesInFlight())
    },
  })
  new Gauge({
    name: `${PREFIX}clock_offset_seconds`,
    help: "How far this process's clock is ahead of the database's; negative when it is behind.",
    // The processes of one service share a machine and its clock.
    ...{ registers, aggregator: 'first' },
    collect() {
      this.set(sources.clockOffsetMs() / 1000)
    },
  })
}

const answerInTime = <Answer>(answer: Promise<Answer>): Promise<Answer | undefined> =>
  withTimeout(answer, SOURCE_TIMEOUT_MS, 'A source of metrics').catch(() => undefined)
