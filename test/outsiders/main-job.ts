/**
 * What every foreign client does: it subscribes an endpoint, publishes an event that fails, retries its delivery,
 * publishes two more, and pages through the deliveries. Its program takes all it needs from the environment and prints
 * a `Report` as the last line.
 */
import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect, inject } from 'vitest'
import { TEST_KEY } from '../support/client.js'
import { type Receiver, startReceiver } from '../support/receiver.js'

export interface Report {
  /** The secret that creating the subscription answered with. */
  secret: string
  /** The three events, in the order in which they were published. */
  eventIds: string[]
  /** The deliveries of all pages, two on each. */
  pagedEventIds: string[]
  /** The statuses of the first delivery, as they were seen. */
  statuses: string[]
}

const POLLED = ['DEAD', 'SENT']
const LIVE = ['PENDING', 'DEAD', 'PENDING', 'SENT']
const TIMEOUT_MS = 20_000

/** What a client's program is told about the service. */
function environment(receiver: Receiver) {
  const serviceUrl = inject('outsidersServiceUrl')
  return {
    SERVICE_URL: serviceUrl,
    GRAPHQL_URL: `${serviceUrl}/graphql`,
    GRAPHQL_WS_URL: `${serviceUrl.replace('http', 'ws')}/graphql`,
    API_KEY: TEST_KEY,
    ENDPOINT_URL: receiver.url,
    EVENT_TYPE: `outsider.${randomUUID()}`,
  }
}

/** @param isLive the program follows live updates, so it sees each change */
export async function expectMainJob(
  run: (env: Record<string, string>) => Promise<string>,
  { isLive = false } = {},
): Promise<void> {
  await using receiver = await startReceiver(500, 200)
  const printed = await run(environment(receiver))
  const report: Report = JSON.parse(printed.trim().split('\n').at(-1) ?? '')

  expect(report.statuses).toEqual(isLive ? LIVE : POLLED)
  const [first] = report.eventIds
  expect(new Set(report.eventIds).size).toBe(3)
  expect(report.pagedEventIds.toSorted()).toEqual(report.eventIds.toSorted())

  await expect.poll(() => receiver.requests.length, { timeout: TIMEOUT_MS }).toBe(4)
  const sentIds = receiver.requests.map(({ headers }) => headers['webhook-id'])
  expect(sentIds.toSorted()).toEqual([first, ...report.eventIds].toSorted())
  for (const { body, headers } of receiver.requests)
    new Webhook(report.secret).verify(body, headers as Record<string, string>)
}
