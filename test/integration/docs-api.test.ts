/** What the docs say of routes, shapes and metrics is what a running service has, both ways. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeIn, firstCodes, readSection, readTable } from '../support/docs.js'
import { startTestService, type TestService } from '../support/service.js'

const API = 'docs/rest-api.md'
let service: TestService
// biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
let openapi: any

beforeAll(async () => {
  service = await startTestService('postgres', { RETENTION_DAYS: '1' })
  openapi = (await service.api.get('/openapi.json')).body
})
afterAll(() => service[Symbol.asyncDispose]())

interface Operation {
  'x-required-scope'?: string
  parameters?: { name: string; in: string }[]
  responses: Record<string, object>
}

const operations = () =>
  Object.entries(openapi.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      ...operation,
    })),
  )

const documented = () =>
  readTable(readSection(API, 'Routes')).map(([route, scope, takes = '', answers = '']) => ({
    route: codeIn(route),
    scope,
    takes,
    answers,
  }))

describe('the table of routes', () => {
  it('has every route with the scope that it needs', () => {
    const routes = operations().map((each) => [each.route, each['x-required-scope'] ?? 'none'])
    expect(documented().map(({ route, scope }) => [route, scope])).toEqual(expect.arrayContaining(routes))
    expect(documented().length).toBe(routes.length)
  })

  it('names every query parameter, and no other', () => {
    for (const { route, parameters = [] } of operations()) {
      const takes = documented().find((each) => each.route === route)?.takes ?? ''
      const named = [...takes.matchAll(/(\w+)=/g)].map(([, name]) => name)
      if (takes.includes('#filters-of-deliveries'))
        named.push(...firstCodes(readTable(readSection(API, 'Filters of deliveries'))))
      const page = takes.includes('and page') ? ['limit', 'cursor'] : []
      const inQuery = parameters.filter((each) => each.in === 'query').map(({ name }) => name)
      expect([route, [...named, ...page].toSorted()]).toEqual([route, inQuery.toSorted()])
    }
  })

  it('names every status of success', () => {
    for (const { route, responses } of operations()) {
      const answers = documented().find((each) => each.route === route)?.answers ?? ''
      const named = [...answers.matchAll(/\b2\d\d\b/g)].map(([status]) => status)
      const known = Object.keys(responses).filter((status) => status.startsWith('2'))
      expect([route, named.toSorted()]).toEqual([route, known.toSorted()])
    }
  })
})

describe('the tables of fields', () => {
  it.each([
    ['Event', 'Event'],
    ['Event summary', 'EventSummary'],
    ['Subscription', 'Subscription'],
    ['Health of an endpoint', 'EndpointHealth'],
    ['Delivery', 'Delivery'],
    ['Delivery log', 'DeliveryLog'],
    ['Test event', 'SentTestEvent'],
    ['Retried event', 'RetriedEvent'],
    ['Health', 'Health'],
  ])('have every field of %s, and no other', (heading, name) => {
    const fields = Object.keys(openapi.components.schemas[name].properties)
    expect(firstCodes(readTable(readSection(API, heading))).toSorted()).toEqual(fields.toSorted())
  })

  it('have every field and reason of a retry result, and no other', () => {
    const { properties } = openapi.components.schemas.RetryResult
    const reasons = properties.reason.anyOf.flatMap((one: { enum?: string[] }) => one.enum ?? [])
    expect(firstCodes(readTable(readSection(API, 'Retry result'))).toSorted()).toEqual(
      [...Object.keys(properties), ...reasons].toSorted(),
    )
  })

  it('have every total of GET /v1/stats, and no other', async () => {
    const { body } = await service.api.get('/v1/stats')
    expect(firstCodes(readTable(readSection(API, 'Stats'))).toSorted()).toEqual(Object.keys(body).toSorted())
  })

  it.each([
    ['docs/publishing.md', 'Fields', 'NewEvent'],
    ['docs/webhooks.md', 'Subscriptions', 'NewSubscription'],
  ])('%s has every field of the body, and which are required', (page, heading, name) => {
    const { properties, required } = openapi.components.schemas[name]
    const rows = readTable(readSection(page, heading))
    expect(firstCodes(rows).toSorted()).toEqual(Object.keys(properties).toSorted())
    const needed = rows.filter(([, isRequired]) => isRequired === 'yes')
    expect(firstCodes(needed).toSorted()).toEqual(required.toSorted())
  })
})

describe('the table of metrics', () => {
  it("has every metric of the service's own, and no other", async () => {
    const { body } = await service.api.get<string>('/v1/metrics')
    const own = [...body.matchAll(/^# TYPE node_event_service_(\w+) /gm)].map(([, name]) => name)
    const rows = readTable(readSection('docs/operating/monitoring.md', 'Metrics'))
    const names = firstCodes(rows).map((metric) => metric?.replace(/\{.*/, ''))
    expect(names.toSorted()).toEqual(own.toSorted())
  })

  it('has the labels of each metric', async () => {
    const { body } = await service.api.get<string>('/v1/metrics')
    const labels = new Map<string, Set<string>>()
    for (const [, sample = '', inside = ''] of body.matchAll(/^node_event_service_(\w+)\{([^}]*)\}/gm)) {
      const name = sample.replace(/_(bucket|sum|count)$/, '')
      const known = labels.get(name) ?? new Set()
      for (const [, label = ''] of inside.matchAll(/(\w+)="/g)) if (label !== 'le') known.add(label)
      labels.set(name, known)
    }
    for (const metric of firstCodes(readTable(readSection('docs/operating/monitoring.md', 'Metrics')))) {
      const [, name = '', inside = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(metric ?? '') ?? []
      const told = inside.split(',').filter((label) => label !== '')
      expect([name, told.toSorted()]).toEqual([name, [...(labels.get(name) ?? [])].toSorted()])
    }
  })
})
