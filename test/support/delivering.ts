/** The usual steps of a test about deliveries: subscribe an endpoint, publish an event, wait for its status. */
import { expect } from 'vitest'
import type { ReceivedRequest, Receiver } from './receiver.js'
import type { TestService } from './service.js'

const TYPE = 'user.created'

/** @returns the id of the subscription */
export async function subscribe(
  { api }: TestService,
  endpointUrl: string,
  eventTypes: string[] = [TYPE],
): Promise<string> {
  return (await api.post('/v1/subscriptions', { endpointUrl, eventTypes })).body.id
}

/** @returns the id of the event */
export async function publish({ api }: Pick<TestService, 'api'>): Promise<string> {
  return (await api.post('/v1/events', { type: TYPE, data: {} })).body.eventId
}

/** The event, once it has this status. */
export async function eventIn(status: string, { api }: TestService, eventId: string) {
  const read = async () => (await api.get(`/v1/events/${eventId}`)).body
  await expect.poll(async () => (await read()).status, { timeout: 10_000, interval: 20 }).toBe(status)
  return read()
}

/** The webhook of an event that is published now. */
export async function deliver(
  service: Pick<TestService, 'api'>,
  { requests }: Pick<Receiver, 'requests'>,
): Promise<ReceivedRequest> {
  const eventId = await publish(service)
  const arrived = () => requests.find(({ headers }) => headers['webhook-id'] === eventId)
  await expect.poll(arrived, { timeout: 20_000, interval: 20 }).toBeDefined()
  return arrived() as ReceivedRequest
}
