/** What tests of subscriptions over REST share: a service, and the calls. */
import { afterAll, beforeAll, expect } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startTestService, type TestService } from './service.js'

/** To be called once in a test file, outside of its tests. */
export function setUpSubscriptions() {
  let resources: Resources
  let service: TestService

  beforeAll(async () => {
    resources = createResources()
    // No exception for this machine: what is not public is refused.
    service = resources.use(await startTestService('postgres', { DELIVERY_ALLOWED_CIDRS: '' }))
  })
  afterAll(() => resources[Symbol.asyncDispose]())

  let made = 0
  /** A subscription that is like no other. */
  const some = (more: object = {}) => {
    made += 1
    return { endpointUrl: `https://example.com/hooks/${made}`, eventTypes: ['user.created'], ...more }
  }

  const create = (body: unknown) => service.api.post('/v1/subscriptions', body)
  const patch = (id: string, body: unknown) => service.api.patch(`/v1/subscriptions/${id}`, body)
  const read = (id: string) => service.api.get(`/v1/subscriptions/${id}`)

  async function created(more: object = {}) {
    const { status, body } = await create(some(more))
    expect(status).toBe(201)
    return body
  }

  const countAll = async () => (await service.api.get('/v1/stats')).body.subscriptionsTotal

  return {
    ...{ service: () => service, some, create, patch, read, created, countAll },
    use: <Resource extends AsyncDisposable>(resource: Resource) => resources.use(resource),
  }
}
