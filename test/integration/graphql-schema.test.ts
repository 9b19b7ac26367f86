/** The schema as people read it, and the operations that GraphiQL opens with. */
import {
  type GraphQLScalarType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { deliveryExamples } from '../../src/graphql/examples.js'
import { schema } from '../../src/graphql/schema.js'
import { createResources } from '../../src/platform/resources.js'
import { ask, watches } from '../support/graphql.js'
import { startTestService } from '../support/service.js'

interface Described {
  name: string
  description?: string | null | undefined
}

/** Everything in the schema that has a name, by its path. */
function* members(): Generator<[path: string, Described]> {
  const own = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'))
  const builtIn = ['ID', 'Int', 'String', 'Boolean', 'Float']
  for (const type of own.filter(({ name }) => !builtIn.includes(name))) {
    yield [type.name, type]
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value]
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) yield [`${type.name}.${field.name}`, field]
    }
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        yield [`${type.name}.${field.name}`, field]
        for (const argument of field.args) yield [`${type.name}.${field.name}(${argument.name})`, argument]
      }
    }
  }
}

describe('the schema', () => {
  it('describes every type, field, argument, value and input field', () => {
    const all = [...members()]
    expect(all.length).toBeGreaterThan(150)
    expect(all.filter(([, { description }]) => !description).map(([path]) => path)).toEqual([])
  })

  it('names the specification of each scalar of its own', () => {
    const scalars = Object.values(schema.getTypeMap()).filter(
      (type) => isScalarType(type) && !isSpecifiedScalarType(type),
    ) as GraphQLScalarType[]
    expect(scalars.map(({ name, specifiedByURL }) => [name, specifiedByURL])).toEqual([
      ['DateTime', 'https://www.rfc-editor.org/rfc/rfc3339'],
      ['JSONObject', 'https://www.rfc-editor.org/rfc/rfc8259#section-4'],
    ])
  })

  it('has connections with clean names, and no way around the lists', () => {
    const names = Object.keys(schema.getTypeMap()).filter((name) => /Connection$|Edge$|^Node$/.test(name))
    expect(names.sort()).toEqual([
      'DeliveryConnection',
      'DeliveryEdge',
      'ErasureConnection',
      'ErasureEdge',
      'EventConnection',
      'EventEdge',
      'EventTypeConnection',
      'EventTypeEdge',
      'Node',
      'ReplayConnection',
      'ReplayEdge',
      'WebhookSubscriptionConnection',
      'WebhookSubscriptionEdge',
    ])
    expect(getNamedType(schema.getQueryType()?.getFields().subscriptions?.type)?.name).toBe(
      'WebhookSubscriptionConnection',
    )
  })
})

describe('the examples of GraphiQL', () => {
  it.each(watches)('run as they stand, the live one over %s', async (_name, watch) => {
    await using resources = createResources()
    const service = resources.use(await startTestService('postgres'))
    const [subscribe, publish, live, page, retry] = deliveryExamples
    const watcher = resources.use(watch(service, live?.query ?? '', live?.variables))
    const { createSubscription } = await ask(service, subscribe?.query ?? '', subscribe?.variables)
    expect(createSubscription).toMatchObject({ errors: [], secret: expect.stringMatching(/^whsec_/) })

    await expect
      .poll(
        async () => {
          const { publishEvent } = await ask(service, publish?.query ?? '', publish?.variables)
          expect(publishEvent).toMatchObject({
            event: { id: expect.any(String) },
            deduplicated: false,
            errors: [],
          })
          return watcher.results.length
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0)
    expect(watcher.results[0]?.data.deliveryUpdated).toMatchObject({
      event: { type: 'user.created' },
      subscription: { endpointUrl: 'http://127.0.0.1:4000/webhooks' },
    })
    const { deliveries } = await ask(service, page?.query ?? '', page?.variables)
    expect(deliveries).toMatchObject({ edges: expect.any(Array), pageInfo: expect.any(Object) })
    const { retryDelivery } = await ask(service, retry?.query ?? '', retry?.variables)
    expect(retryDelivery).toMatchObject({ delivery: null, errors: [{ code: 'NOT_FOUND' }] })
  })
})
