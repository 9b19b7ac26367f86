/** What is counted: by `GET /v1/stats` and, under the names of the contract, by `GET /v1/metrics`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const event = { type: 'user.created', data: {} }

describe('what is counted', () => {
  let resources: Resources
  let service: TestService

  beforeAll(async () => {
    resources = createResources()
    service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '2' }))
    const { api } = service
    for (const [answer, isEnabled] of [
      [200, true],
      [500, true],
      [200, false],
    ] as const) {
      const { url } = resources.use(await startReceiver(answer))
      await api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: [event.type], isEnabled })
    }
    for (const key of ['a', 'a', 'b']) await api.post('/v1/events', { ...event, eventId: key })
    await api.post('/v1/events', { ...event, data: { other: true }, eventId: 'a' })
    await api.post('/v1/events', { ...event, type: 'not a type' })
  })
  afterAll(() => resources[Symbol.asyncDispose]())

  const stats = async () => (await service.api.get('/v1/stats')).body

  it('is in GET /v1/stats', async () => {
    await expect.poll(stats, { timeout: 5000 }).toEqual({
      eventsTotal: 2,
      deliveriesTotal: 4,
      deliveriesPending: 0,
      deliveriesSent: 2,
      deliveriesFailed: 0,
      deliveriesDead: 2,
      subscriptionsTotal: 3,
      subscriptionsEnabled: 2,
    })
  })

  it('is in GET /v1/metrics, under the names of the contract', async () => {
    await expect.poll(async () => (await stats()).deliveriesDead, { timeout: 5000 }).toBe(2)
    const { headers, body } = await service.api.get<string>('/v1/metrics')
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const { types, samples } = readMetrics(body)
    const value = (name: string) => samples.get(`node_event_service_${name}`)
    expect({
      accepted: value('events_ingested_total{result="accepted"}'),
      deduplicated: value('events_ingested_total{result="deduplicated"}'),
      rejected: value('events_ingested_total{result="rejected"}'),
      sent: value('deliveries_sent_total'),
      failed: value('deliveries_failed_total'),
      dead: value('deliveries_dead_total'),
      attempts: value('delivery_duration_seconds_count'),
      latencies: value('delivery_latency_seconds_count'),
      inFlight: value('deliveries_in_flight'),
      outbox: value('outbox_pending'),
      oldest: value('outbox_oldest_age_seconds'),
      waiting: value('queue_jobs{state="waiting"}'),
      accepts: value('http_request_duration_seconds_count{method="POST",route="/v1/events",status="202"}'),
    }).toEqual({
      ...{
        accepted: 2,
        deduplicated: 1,
        rejected: 2,
        sent: 2,
        failed: 2,
        dead: 2,
        attempts: 6,
        latencies: 2,
      },
      ...{ inFlight: 0, outbox: 0, oldest: 0, waiting: 0, accepts: 2 },
    })
    const ownTypes = [...types].filter(([name]) => name.startsWith('node_event_service_'))
    expect(Object.fromEntries(ownTypes)).toEqual({
      node_event_service_events_ingested_total: 'counter',
      node_event_service_deliveries_sent_total: 'counter',
      node_event_service_retention_removed_total: 'counter',
      node_event_service_deliveries_failed_total: 'counter',
      node_event_service_deliveries_dead_total: 'counter',
      node_event_service_deliveries_expired_total: 'counter',
      node_event_service_delivery_duration_seconds: 'histogram',
      node_event_service_delivery_latency_seconds: 'histogram',
      node_event_service_auth_failures_total: 'counter',
      node_event_service_filter_errors_total: 'counter',
      node_event_service_schema_violations_total: 'counter',
      node_event_service_events_scheduled: 'gauge',
      node_event_service_outbox_pending: 'gauge',
      node_event_service_outbox_oldest_age_seconds: 'gauge',
      node_event_service_deliveries_in_flight: 'gauge',
      node_event_service_queue_jobs: 'gauge',
      node_event_service_endpoints_paused: 'gauge',
      node_event_service_probes_total: 'counter',
      node_event_service_clock_offset_seconds: 'gauge',
      node_event_service_http_request_duration_seconds: 'histogram',
    })
    expect(types.get('process_cpu_seconds_total')).toBe('counter')
    expect(types.get('nodejs_eventloop_lag_seconds')).toBe('gauge')
  })

  it('names no id and no URL in a label', async () => {
    const [delivery] = (await service.api.get('/v1/deliveries')).body.items
    const asked = [
      `/v1/events/${delivery.eventId}`,
      `/v1/subscriptions/${delivery.subscriptionId}`,
      '/v1/deliveries?limit=3',
      '/docs/static/index.css',
      '/nowhere/at/all?x=1',
      '/v1/events/%zz',
    ]
    for (const path of asked) await service.api.get(path)
    const { body } = await service.api.get<string>('/v1/metrics')
    expect(body).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|127\.0\.0\.1|:\/\/|nowhere|limit=|index\.css|%zz/)
    const { samples } = readMetrics(body)
    const routes = [...samples.keys()].flatMap((sample) => /route="([^"]*)"/.exec(sample)?.[1] ?? [])
    expect([...new Set(routes)]).toEqual(
      expect.arrayContaining(['/v1/events/:id', '/v1/subscriptions/:id', '/v1/deliveries', 'unknown']),
    )
  })
})

/** The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function readMetrics(text: string) {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line) ?? []
    if (name !== undefined && type !== undefined) {
      expect(types.has(name)).toBe(false)
      types.set(name, type)
    } else if (!line.startsWith('# HELP ')) {
      const sample = /^([a-zA-Z_:][\w:]*(?:\{\w+="[^"\\\n]*"(?:,\w+="[^"\\\n]*")*\})?) (\S+)$/.exec(line)
      const [, key = '', value = ''] = sample ?? []
      expect(line).toBe(`${key} ${value}`)
      expect(samples.has(key)).toBe(false)
      samples.set(key, Number(value.replace('Inf', 'Infinity')))
    }
  }
  return { types, samples }
}
