/** Strings that break things elsewhere, in every field that takes one: refused, or kept as they are; never a 500. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { post as operate } from '../support/graphql.js'
import { type Odd, odd } from '../support/odd-strings.js'
import { expectProblem } from '../support/problem.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
})
afterAll(() => resources[Symbol.asyncDispose]())
afterEach(async () => expect((await service.api.get('/v1/health')).status).toBe(200))

let rows = 0
/** A type that no row before has used: subscriptions must differ. */
const newType = () => `row.${++rows}`

interface Field {
  /** The strings that are taken; all others are refused. */
  keeps: Odd[]
  /** The input that holds the string, and where an error says it is. */
  input(text: string): object
  path: string
  /** How the field is read back, from an event or a subscription; absent where it is not shown. */
  // biome-ignore lint/suspicious/noExplicitAny: it is what JSON says
  read?(kept: any): unknown
}

const anyText: Odd[] = ['SQL', 'a resource of every object', 'a template', 'an emoji', 'nothing']
const everything = Object.keys(odd) as Odd[]
const subscription = () => ({ endpointUrl: 'http://127.0.0.1:9/hook', eventTypes: [newType()] })
const url = (text: string) => `http://127.0.0.1:9/hook/${text}?q=${text}`

/** Which of them stands in this URL. */
const oddWritten = (endpointUrl: string): Odd =>
  everything.find(
    (what) => URL.canParse(url(odd[what])) && new URL(url(odd[what])).href === endpointUrl,
  ) as Odd

const eventFields: Record<string, Field> = {
  type: {
    keeps: ['a resource of every object'],
    input: (type) => ({ type, data: {} }),
    path: 'type',
    read: ({ type }) => type,
  },
  'a value of data': {
    keeps: everything,
    input: (text) => ({ type: 'a', data: { text } }),
    path: 'data',
    read: ({ payload }) => payload.data.text,
  },
  'a name in metadata': {
    keeps: everything,
    input: (text) => ({ type: 'a', data: {}, metadata: Object.fromEntries([[text, [text]]]) }),
    path: 'metadata',
    read: ({ payload }) => Object.keys(payload.metadata)[0],
  },
  'an idempotency key': {
    keeps: ['SQL', 'a resource of every object', 'a template'],
    input: (eventId) => ({ type: 'a', data: {}, eventId }),
    path: 'eventId',
    read: ({ idempotencyKey }) => idempotencyKey,
  },
  createdAt: { keeps: [], input: (createdAt) => ({ type: 'a', data: {}, createdAt }), path: 'createdAt' },
}

const subscriptionFields: Record<string, Field> = {
  endpointUrl: {
    keeps: anyText,
    input: (text) => ({ ...subscription(), endpointUrl: url(text) }),
    path: 'endpointUrl',
    // As the URL standard writes it.
    read: ({ endpointUrl }) => odd[oddWritten(endpointUrl)],
  },
  'an event type': {
    keeps: ['a resource of every object'],
    input: (text) => ({ ...subscription(), endpointUrl: url(newType()), eventTypes: [text] }),
    path: 'eventTypes.0',
    read: ({ eventTypes }) => eventTypes[0],
  },
  secret: {
    keeps: ['SQL', 'a resource of every object', 'a template'],
    input: (secret) => ({ ...subscription(), secret }),
    path: 'secret',
  },
  description: {
    keeps: [...anyText, 'a header of its own', 'a bell'],
    input: (description) => ({ ...subscription(), description }),
    path: 'description',
    read: ({ description }) => description,
  },
}

const fieldCases = (fields: Record<string, Field>) =>
  Object.entries(fields).flatMap(([name, field]) =>
    everything.map((what) => [what, name, field.keeps.includes(what) ? 'kept' : 'refused', field] as const),
  )

describe('over REST', () => {
  it.each(fieldCases(eventFields))('%s as %s is %s', async (what, _name, outcome, { input, path, read }) => {
    const answer = await service.api.post('/v1/events', input(odd[what]))
    if (outcome === 'refused') return expectProblem(answer, 400, path)
    expect(answer.status).toBe(202)
    const { body } = await service.api.get(`/v1/events/${answer.body.eventId}`)
    if (read) expect(read(body)).toBe(odd[what])
  })

  it.each(fieldCases(subscriptionFields))(
    '%s as %s is %s, at first and as a change',
    async (what, _name, outcome, { input, path, read }) => {
      const created = await service.api.post('/v1/subscriptions', input(odd[what]))
      const other = await service.api.post('/v1/subscriptions', subscription())
      const changed = await service.api.patch(`/v1/subscriptions/${other.body.id}`, input(odd[what]))
      if (outcome === 'refused') {
        expectProblem(created, 400, path)
        return expectProblem(changed, 400, path)
      }
      expect([created.status, changed.status]).toEqual([201, 200])
      for (const { body } of [created, changed]) if (read) expect(read(body)).toBe(odd[what])
    },
  )

  const refused = [
    ...['/v1/deliveries?eventId=', '/v1/deliveries?subscriptionId=', '/v1/deliveries?cursor='],
    ...['/v1/deliveries?status=', '/v1/subscriptions?enabled='],
  ]
  // A percent-encoding can't spell a surrogate.
  const spelled = everything.filter((what) => odd[what].isWellFormed() && what !== 'too much')

  it.each(spelled)('%s is refused in a query, and not found in a path', async (what) => {
    const text = encodeURIComponent(odd[what])
    for (const path of refused) expectProblem(await service.api.get(path + text), 400)
    expectProblem(await service.api.get(`/v1/events/${text}`), 404)
  })
})

describe('over GraphQL', () => {
  const inputs = { ...eventFields, ...subscriptionFields }
  const operations = {
    publishEvent: `mutation ($input: PublishEventInput!) { answer: publishEvent(input: $input) {
      kept: event { type idempotencyKey payload { data metadata } } errors { code } } }`,
    createSubscription: `mutation ($input: CreateSubscriptionInput!) { answer: createSubscription(input: $input) {
      kept: subscription { endpointUrl eventTypes description } errors { code } } }`,
  }

  it.each(fieldCases(inputs))('%s as %s is %s', async (what, name, outcome, { input, read }) => {
    const { eventId, ...given } = input(odd[what]) as { eventId?: string }
    const operation = name in eventFields ? operations.publishEvent : operations.createSubscription
    const { body } = await operate(service, operation, {
      input: { ...given, ...(eventId !== undefined && { idempotencyKey: eventId }) },
    })
    if (outcome === 'refused') {
      // A scalar refuses before the mutation begins.
      const codes = body.errors?.map(({ extensions }) => extensions) ?? body.data.answer.errors
      return expect(codes).toEqual([{ code: 'BAD_USER_INPUT' }])
    }
    expect([body.errors, body.data.answer.errors]).toEqual([undefined, []])
    if (read) expect(read(body.data.answer.kept)).toBe(odd[what])
  })

  const page = '{ edges { node { id } } }'
  const filters = [
    `events(filter: { type: [$text] }) ${page}`,
    `events(filter: { idempotencyKey: $text }) ${page}`,
    `subscriptions(filter: { eventType: $text }) ${page}`,
    `subscriptions(filter: { endpointUrl: $text }) ${page}`,
  ]
  const cursors = [
    `events(after: $text) ${page}`,
    `deliveries(before: $text) ${page}`,
    `subscriptions(after: $text, before: $text) ${page}`,
  ]
  const idFilters = [
    `events(filter: { subscriptionId: $id }) ${page}`,
    `deliveries(filter: { eventId: $id }) ${page}`,
    `deliveries(filter: { subscriptionId: $id }) ${page}`,
  ]
  const ids = ['event', 'delivery', 'subscription'].map((field) => `${field}(id: $id) { id }`)
  const mutations = [
    ...[
      'retryDelivery',
      'cancelDelivery',
      'cancelEvent',
      'eraseEvent',
      'enableSubscription',
      'disableSubscription',
      'deleteSubscription',
    ].map((field) => `${field}(id: $id)`),
    'retryEvent(eventId: $id)',
    'sendTestEvent(subscriptionId: $id, type: "a", data: {})',
    'updateSubscription(id: $id, input: { isEnabled: true })',
  ]
  const ask = async (field: string, text: string) => {
    const [type, sort] = field.includes('$id') ? ['ID!', 'id'] : ['String!', 'text']
    const kind = field.includes('errors') ? 'mutation' : 'query'
    return (await operate(service, `${kind} ($${sort}: ${type}) { answer: ${field} }`, { [sort]: text })).body
  }

  it.each(everything)(
    '%s finds nothing in a filter or an id, and is refused where a cursor or a filter by id is wanted',
    async (what) => {
      for (const field of filters) {
        // The text alone may be what a row before has left.
        const { errors, data } = await ask(field, `no ${odd[what]}`)
        expect([field, errors, data]).toEqual([field, undefined, { answer: { edges: [] } }])
      }
      for (const field of ids) expect(await ask(field, odd[what])).toEqual({ data: { answer: null } })
      for (const field of [...idFilters, ...cursors]) {
        const { errors = [] } = await ask(field, odd[what])
        expect([field, ...errors.map(({ extensions }) => extensions.code)]).toEqual([field, 'BAD_USER_INPUT'])
      }
      for (const field of mutations) {
        const { errors, data } = await ask(`${field} { errors { code } }`, odd[what])
        expect([field, errors, data]).toEqual([
          field,
          undefined,
          { answer: { errors: [{ code: 'NOT_FOUND' }] } },
        ])
      }
    },
  )
})
