/** What the tests of ordered subscriptions have in common: events that are numbered in the order of their key. */
import { expect } from 'vitest'
import type { Receiver } from './receiver.js'
import type { TestService } from './service.js'

export type Api = Pick<TestService, 'api'>

export const PATIENCE = { timeout: 20_000, interval: 20 }

/** @returns the id of an ordered subscription to events of type `a` */
export async function subscribeInOrder(
  { api }: Api,
  endpointUrl: string,
  more: object = {},
): Promise<string> {
  const { status, body } = await api.post('/v1/subscriptions', {
    ...{ endpointUrl, eventTypes: ['a'], isOrdered: true },
    ...more,
  })
  expect([status, body.isOrdered]).toEqual([201, true])
  return body.id
}

/** @returns the id of the event */
export async function publishNumber(
  { api }: Api,
  orderingKey: string | undefined,
  n: number,
  more: object = {},
): Promise<string> {
  const { status, body } = await api.post('/v1/events', { type: 'a', data: { n }, orderingKey, ...more })
  expect(status).toBe(202)
  return body.eventId
}

export const numberOf = (body: string): number => JSON.parse(body).payload.data.n

/** In the order of their requests. */
export const numbers = ({ requests }: Receiver): number[] => requests.map(({ body }) => numberOf(body))

export const deliveryOf = async ({ api }: Api, eventId: string) =>
  (await api.get(`/v1/deliveries?eventId=${eventId}`)).body.items[0]

/** Awaits what the delivery of an event waits for. */
export const waitingFor = (service: Api, eventId: string) =>
  expect.poll(async () => (await deliveryOf(service, eventId))?.waitingFor, PATIENCE)

/** Awaits the status of the delivery of an event. */
export const deliveryStatus = (service: Api, eventId: string) =>
  expect.poll(async () => (await deliveryOf(service, eventId))?.status, PATIENCE)

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
