/** What became of each event, exactly: from the numbers that were answered 202 and the numbers that arrived. */
import type { Published } from './load.js'
import { eventKindsOf, type Scenario, wantedBy } from './scenarios.js'

export interface Losses {
  accepted: number
  /** Webhooks that were owed to endpoints that are well. */
  owed: number
  /** The number of owed webhooks that never arrived. */
  lost: number
  /** Webhooks that came again to endpoints that are well, and had been answered with 2xx. */
  duplicated: number
}

export function countAccepted({ accepted }: Published): number {
  return accepted.reduce((sum, one) => sum + one, 0)
}

/** How many webhooks endpoints are to get for what was accepted: those that are well, or the others. */
export function countOwed(published: Published, scenario: Scenario, areWell = true): number {
  let owed = 0
  visitOwed(published, scenario, areWell, () => {
    owed += 1
  })
  return owed
}

/** @param counts for each endpoint, how often the events of its type have come, in their order */
export function countLosses(published: Published, counts: Uint8Array[], scenario: Scenario): Losses {
  const types = eventKindsOf(scenario).length
  const losses = { accepted: countAccepted(published), owed: 0, lost: 0, duplicated: 0 }
  visitOwed(published, scenario, true, (endpoint, n) => {
    losses.owed += 1
    if (!counts[endpoint]?.[Math.floor(n / types)]) losses.lost += 1
  })
  scenario.endpoints.forEach((behaviour, endpoint) => {
    if (behaviour !== 'ok') return
    for (const count of counts[endpoint] ?? []) losses.duplicated += Math.max(0, count - 1)
  })
  return losses
}

function visitOwed(
  { from, accepted }: Published,
  scenario: Scenario,
  areWell: boolean,
  visit: (endpoint: number, n: number) => void,
): void {
  const types = eventKindsOf(scenario).length
  scenario.endpoints.forEach((behaviour, endpoint) => {
    if ((behaviour === 'ok') !== areWell) return
    const first = from + ((wantedBy(endpoint, scenario) - (from % types) + types) % types)
    for (let n = first; n < from + accepted.length; n += types) {
      if (accepted[n - from] === 1) visit(endpoint, n)
    }
  })
}
