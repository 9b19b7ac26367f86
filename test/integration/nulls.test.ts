/** What null means: as much as leaving a field out, but for what can be cleared. The fields come from the schemas. */
import { type GraphQLInputObjectType, getNamedType, isNonNullType } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { schema } from '../../src/graphql/schema.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { ask } from '../support/graphql.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
// biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
let shapes: any

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
  shapes = (await service.api.get('/openapi.json')).body.components.schemas
})
afterAll(() => resources[Symbol.asyncDispose]())

let made = 0
const subscription = () => ({ endpointUrl: `http://127.0.0.1:9/${made++}`, eventTypes: ['a'] })
/** What null clears, as it is then. */
const cleared = {
  ...{ description: null, maxRequestsPerSecond: null, maxInFlight: null, timeoutMs: null, retryPolicy: null },
  ...{
    headers: {},
    secretHeaders: [],
    labels: {},
    auth: null,
    clientCertificate: null,
    filter: null,
    filterErrors: null,
  },
}
const created = async () =>
  (
    await service.api.post('/v1/subscriptions', {
      ...subscription(),
      ...{ description: 'to be cleared', maxRequestsPerSecond: 5, isEnabled: false },
      ...{ maxInFlight: 5, timeoutMs: 5, retryPolicy: { maxAttempts: 5 }, filter: 'data.a == 1' },
      ...{
        headers: { a: 'b' },
        secretHeaders: { c: 'd' },
        labels: { e: 'f' },
        auth: { bearer: { token: 'g' } },
      },
    })
  ).body

/** The fields that may be left out, each as null. */
function nullsOf(shape: string): Record<string, null> {
  const { properties, required = [] } = shapes[shape]
  const optional = Object.keys(properties).filter((name) => !required.includes(name))
  expect(optional.length).toBeGreaterThan(2)
  return Object.fromEntries(optional.map((name) => [name, null]))
}

function nullInputs(type: string): Record<string, null> {
  const fields = Object.values((schema.getType(type) as GraphQLInputObjectType).getFields())
  return Object.fromEntries(
    fields.filter((field) => !isNonNullType(field.type)).map(({ name }) => [name, null]),
  )
}

describe('null over REST', () => {
  it('is as absent when an event is published or a subscription is created', async () => {
    const event = { type: 'a', data: {}, ...nullsOf('NewEvent') }
    expect((await service.api.post('/v1/events', event)).status).toBe(202)
    const { status, body } = await service.api.post('/v1/subscriptions', {
      ...nullsOf('NewSubscription'),
      ...subscription(),
    })
    expect([status, body]).toMatchObject([
      201,
      {
        isEnabled: true,
        ...cleared,
        secret: expect.stringMatching(/^whsec_/),
      },
    ])
  })

  it('clears what a subscription can be without, and changes nothing else', async () => {
    const { secret, updatedAt, ...before } = await created()
    const { status, body } = await service.api.patch(
      `/v1/subscriptions/${before.id}`,
      nullsOf('SubscriptionChanges'),
    )
    expect([status, body]).toMatchObject([200, { ...before, ...cleared }])
  })

  it('alone is no change, where it counts as absent', async () => {
    const { id } = await created()
    expect((await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: null })).status).toBe(400)
  })
})

describe('null over GraphQL', () => {
  const fields =
    'id kind endpointUrl eventTypes tenant isEnabled disabledReason disabledAt description maxRequestsPerSecond format signatures ' +
    'publicKey publicKeys maxInFlight isOrdered timeoutMs retryPolicy { maxAttempts } headers secretHeaders labels auth { kind } ' +
    'clientCertificate { subject } filter filterErrors { count }'

  it('is as absent when an event is published or a subscription is created', async () => {
    const publish = `mutation ($input: PublishEventInput!) {
      publishEvent(input: $input) { event { id } errors { code } } }`
    const input = { type: 'a', data: {}, ...nullInputs('PublishEventInput') }
    expect(await ask(service, publish, { input })).toMatchObject({
      publishEvent: { event: { id: expect.any(String) }, errors: [] },
    })
    const create = `mutation ($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { ${fields} } errors { code } } }`
    expect(
      await ask(service, create, { input: { ...nullInputs('CreateSubscriptionInput'), ...subscription() } }),
    ).toMatchObject({
      createSubscription: { subscription: { isEnabled: true, description: null }, errors: [] },
    })
  })

  it('clears what a subscription can be without, and changes nothing else', async () => {
    const { secret, createdAt, updatedAt, health, ...before } = await created()
    const update = `mutation ($id: ID!, $input: UpdateSubscriptionInput!) {
      updateSubscription(id: $id, input: $input) { subscription { ${fields} } errors { code } } }`
    expect(
      await ask(service, update, { id: before.id, input: nullInputs('UpdateSubscriptionInput') }),
    ).toEqual({
      updateSubscription: {
        subscription: { ...before, ...cleared },
        errors: [],
      },
    })
  })

  it('is as absent in every argument and filter of a list', async () => {
    for (const { name, args } of Object.values(schema.getQueryType()?.getFields() ?? {})) {
      if (!['filter', 'first'].every((list) => args.some(({ name }) => name === list))) continue
      const nulls = args.map((argument) => `${argument.name}: null`).join(', ')
      expect((await ask(service, `{ ${name}(${nulls}) { edges { cursor } } }`))[name]).toBeDefined()
      const filter = args.find((argument) => argument.name === 'filter')
      const type = getNamedType(filter?.type)?.name ?? ''
      const query = `query ($filter: ${type}) { ${name}(filter: $filter) { edges { cursor } } }`
      expect((await ask(service, query, { filter: nullInputs(type) }))[name]).toBeDefined()
    }
  })
})
