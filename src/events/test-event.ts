/**
 * Test events: someone tries an endpoint with an event that goes to its subscription only, once and now, and waits for
 * what comes of it. Its type and data have the bounds of a publication.
 */
import type { Viewer } from '../tenants/viewer.js'
import { type Publication, publicationBody, readPublication, toPublication } from './publication.js'

export type TestEvent = Pick<Publication, 'type' | 'data'>

/** It names no tenant: it gets that of its subscription. */
const anyViewer: Viewer = { tenant: null }

/** The body of `POST /v1/subscriptions/{id}/test-event`. */
export const testEventBody = publicationBody.pick({ type: true, data: true })

/**
 * @param body has passed `testEventBody`. @param text is the source of the parsed body. @throws ServiceError
 * BAD_USER_INPUT
 */
export const readTestEvent = (
  body: { type: string; data: Record<string, unknown> },
  text: string,
): TestEvent => readPublication(body, text, undefined, anyViewer)

/** @param maxBytes as of `toPublication`. @throws ServiceError BAD_USER_INPUT, PAYLOAD_TOO_LARGE */
export const toTestEvent = (values: { type: string; data: unknown }, maxBytes: number): TestEvent =>
  toPublication(values, maxBytes, anyViewer)

/** Where a test event is stored. Its delivery has one attempt. */
export interface SentTestEvent {
  eventId: string
  deliveryId: string
}

export interface TestEvents {
  /**
   * Resolves once the exchange has ended and is stored, however it ended.
   *
   * @throws ServiceError NOT_FOUND for an unknown subscription, TOO_MANY_REQUESTS while too many are under way,
   * SERVICE_UNAVAILABLE when a stop cut it off; DatabaseUnavailableError. Then nothing is stored.
   */
  send(viewer: Viewer, subscriptionId: string, event: TestEvent): Promise<SentTestEvent>
}
