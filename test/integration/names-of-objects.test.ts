/** Names that every object of JavaScript has, in maps from outside: they are names like any other, or refused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { deliver } from '../support/delivering.js'
import { post } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const maps = ['headers', 'secretHeaders', 'labels']
const inherited = ['constructor', 'toString', 'hasOwnProperty']

let resources: Resources
let service: TestService
let receiver: Receiver

beforeEach(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

const input = (map: string, values: object) => ({
  ...{ endpointUrl: receiver.url, eventTypes: ['user.created'] },
  [map]: values,
})
const MUTATION = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { subscription { id } errors { ... on InvalidInputError { problems { path } } } }
}`

/** Creates a subscription: its id, or the path of what is refused. */
const faces: Record<string, (body: object) => Promise<{ id?: string; path?: string }>> = {
  async REST(body) {
    const { status, body: answer } = await service.api.post('/v1/subscriptions', body)
    return status === 201 ? { id: answer.id } : { path: `${status} ${answer.errors[0].path}` }
  },
  async GraphQL(body) {
    const { body: answer } = await post(service, MUTATION, { input: body })
    if (answer.errors) throw new Error(JSON.stringify(answer.errors))
    const { subscription, errors } = answer.data.createSubscription
    return subscription ? { id: subscription.id } : { path: `400 ${errors[0].problems[0].path}` }
  },
}

describe.each(Object.entries(faces))('over %s', (_name, create) => {
  it.each(maps)('%s refuses __proto__', async (map) => {
    const refused = await create(input(map, JSON.parse('{"__proto__":"a"}')))
    expect(refused).toEqual({ path: `400 ${map}.__proto__` })
    expect((await service.api.get('/v1/subscriptions')).body.items).toEqual([])
  })

  it.each(inherited)('%s is a header like any other', async (name) => {
    const { id } = await create({
      ...input('headers', { [name]: 'plain' }),
      secretHeaders: { [`${name}-2`]: 'b' },
    })
    const { body } = await service.api.get(`/v1/subscriptions/${id}`)
    const sent = name.toLowerCase()
    expect(Object.entries(body.headers)).toEqual([[sent, 'plain']])
    expect(body.secretHeaders).toEqual([`${sent}-2`])
    const { headers } = await deliver(service, receiver)
    expect(Object.entries(headers).filter(([header]) => header.startsWith(sent))).toEqual([
      [sent, 'plain'],
      [`${sent}-2`, 'b'],
    ])
  })

  it.each(inherited)('%s is a secret header and a label like any other', async (name) => {
    const { id } = await create({
      ...input('secretHeaders', { [name]: 'secret' }),
      labels: { [name]: 'of it' },
    })
    const { body } = await service.api.get(`/v1/subscriptions/${id}`)
    expect(body).toMatchObject({ headers: {}, secretHeaders: [name.toLowerCase()] })
    expect(Object.entries(body.labels)).toEqual([[name, 'of it']])
    const found = await service.api.get(`/v1/subscriptions?label=${name}:of%20it`)
    expect(found.body.items.map((one: { id: string }) => one.id)).toEqual([id])
    const { headers } = await deliver(service, receiver)
    expect(Object.entries(headers)).toContainEqual([name.toLowerCase(), 'secret'])
  })
})

it('are headers of an answer like any other', async () => {
  receiver.answerWith((response) => {
    for (const name of ['__proto__', ...inherited]) response.setHeader(name, 'a')
    response.writeHead(204).end()
  })
  await faces.REST?.(input('labels', {}))
  const { headers } = await deliver(service, receiver)
  const eventId = headers['webhook-id']
  await expect
    .poll(async () => (await service.api.get(`/v1/events/${eventId}`)).body.status, { timeout: 10_000 })
    .toBe('DELIVERED')
})
