/** Operational events as a test sees them: what an endpoint was told, and what is stored. */
import { expect } from 'vitest'
import { operationalData } from '../../src/http/openapi-operational-events.js'
import type { BreakerBounds } from '../../src/model/breaker.js'
import type { OperationalType } from '../../src/model/operational-event.js'
import type { Receiver } from './receiver.js'
import type { TestService } from './service.js'

export const PATIENCE = { timeout: 20_000, interval: 20 }
export const ONE_ATTEMPT = { DELIVERY_MAX_ATTEMPTS: '1' }
/** The second failure pauses. */
export const quickBreaker: BreakerBounds = {
  ...{ pauseAfterFailures: 2, pauseAfterMs: 1, probeWaitMs: 100, maxProbeWaitMs: 200 },
  ...{ fullPace: 2, pauseAgainAfterFailures: 2 },
}

export interface Told {
  id: string
  type: OperationalType
  createdAt: string
  // biome-ignore lint/suspicious/noExplicitAny: each type has a shape of its own
  data: any
}

/** The events that an endpoint got, in the order of their arrival. */
export const toldTo = ({ requests }: Receiver): Told[] =>
  requests.map(({ body }) => {
    const { payload, ...event } = JSON.parse(body)
    return { ...event, data: payload.data }
  })

export const storedIn = ({ database }: Pick<TestService, 'database'>) =>
  database.query<{ id: string; type: string; tenant: string | null; status: string }>(
    `select id, type, tenant, status from events where starts_with(type, 'service.') order by id`,
  )

/** Waits until the endpoint was told of exactly these types, in any order, and nothing else is stored. */
export async function expectTold(
  service: Pick<TestService, 'database'>,
  operator: Receiver,
  types: OperationalType[],
): Promise<Told[]> {
  const toldTypes = () => toldTo(operator).map(({ type }) => type)
  await expect.poll(() => toldTypes().toSorted(), PATIENCE).toEqual(types.toSorted())
  const events = toldTo(operator)
  for (const { type, data } of events) expect(() => operationalData[type].parse(data)).not.toThrow()
  expect((await storedIn(service)).map(({ id }) => id)).toEqual(events.map(({ id }) => id).toSorted())
  return events
}
