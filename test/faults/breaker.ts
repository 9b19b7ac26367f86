/**
 * Did the breakers do what they are for? What arrived at an endpoint is held against what its breaker allowed at that
 * moment: nothing but one probe at a time while it is paused, and no more than its pace while it recovers.
 */
import { readTurns, type Turn } from './breaker-turns.js'
import type { Endpoint, Received } from './endpoints.js'
import type { Find } from './findings.js'
import { type Past, seconds } from './moments.js'
import { TIMEOUT_MS, type World } from './world.js'

export interface BreakerFigures {
  /** How many times an endpoint was paused that was not. */
  pauses: number
  /** Requests to paused endpoints. */
  probes: number
  /** How many times an endpoint was back at full pace, and the longest time from the end of its pause to that. */
  recoveries: number
  slowestRecoveryMs: number
  /** Requests that arrived while their endpoint was paused or recovered, and that a fault may have held up. */
  excused: number
}

/**
 * A first attempt that a process holds may go out within a second of the pause (docs/decisions/0043), and arrives
 * before its time is over.
 */
const HELD_MS = 1000 + TIMEOUT_MS
/** PostgreSQL's clock and that of the endpoints are one, but read in different units. */
const CLOCK_MS = 10

interface Arrival extends Received {
  eventId: string
}

export async function checkBreakers(
  { postgres, endpoints, subscriptions }: World,
  past: Past[],
  find: Find,
): Promise<BreakerFigures> {
  const figures: BreakerFigures = { pauses: 0, probes: 0, recoveries: 0, slowestRecoveryMs: 0, excused: 0 }
  const turns = await readTurns(postgres)
  for (const endpoint of endpoints.all) {
    const own = turns.filter(({ subscriptionId }) => subscriptions.get(subscriptionId) === endpoint.name)
    count(own, figures)
    const faults = {
      holdingUp: past.filter((one) => befalls(one, one.fault.mayHoldUp, endpoint)),
      doubling: past.filter((one) => befalls(one, one.fault.mayDouble, endpoint)),
    }
    for (const { arrival, what, since, isRepeated } of tooMuch(own, arrivalsAt(endpoint))) {
      const causes = [...faults.holdingUp, ...(isRepeated ? faults.doubling : [])]
      if (causes.some(({ from, to }) => from <= arrival.arrivedAt && to >= since - HELD_MS))
        figures.excused += 1
      else find('breaker', arrival.eventId, `at ${endpoint.name}, ${what}`)
    }
  }
  return figures

  function count(own: Turn[], into: BreakerFigures): void {
    let resumedAt: number | undefined
    for (const [index, turn] of own.entries()) {
      const before = own[index - 1]
      if (turn.probeAt !== null && (before?.probeAt ?? null) === null) into.pauses += 1
      if (turn.probeAt !== null) resumedAt = undefined
      else if (turn.pace !== null) resumedAt ??= turn.from
      else {
        into.recoveries += 1
        into.slowestRecoveryMs = Math.max(into.slowestRecoveryMs, turn.from - (resumedAt ?? turn.from))
      }
      if (turn.probeAt !== null && Number.isFinite(turn.to)) into.probes += 1
    }
  }
}

const befalls = ({ victim }: Past, may: 'none' | 'any' | 'of its endpoint' | undefined, { name }: Endpoint) =>
  may === 'any' || (may === 'of its endpoint' && victim === name)

const arrivalsAt = ({ received }: Endpoint): Arrival[] =>
  [...received]
    .flatMap(([eventId, requests]) => requests.map((request) => ({ ...request, eventId })))
    .toSorted((a, b) => a.arrivedAt - b.arrivedAt)

interface TooMuch {
  arrival: Arrival
  what: string
  /** What was in the way of the service at any time from here to the arrival may explain it. */
  since: number
  /** Whether it is explained by the loss of a record as well. */
  isRepeated?: boolean
}

/** The arrivals that a breaker did not allow. */
function* tooMuch(turns: Turn[], arrivals: Arrival[]): Generator<TooMuch> {
  /** When the endpoint was paused, or began to recover: what came before it counts for nothing. */
  let since = 0
  let before: Turn | undefined
  for (const turn of turns) {
    const isPaused = turn.probeAt !== null
    const wasPaused = before !== undefined && before.probeAt !== null
    const isOpen = isPaused || turn.pace !== null
    if (before === undefined || isPaused !== wasPaused || (before.pace === null && !wasPaused))
      since = turn.from
    before = turn
    if (!isOpen) continue
    const during = arrivals.filter(({ arrivedAt }) => turn.from < arrivedAt && arrivedAt < turn.to)
    yield* isPaused ? notProbes(turn, since, during) : tooFast(turn, since, arrivals, during)
  }
}

function* notProbes({ from, probeAt }: Turn, since: number, during: Arrival[]): Generator<TooMuch> {
  let probe: Arrival | undefined
  for (const arrival of during) {
    const { arrivedAt } = arrival
    // It was on its way at the moment of the pause.
    if (arrivedAt < since + HELD_MS) continue
    const at = `${seconds(arrivedAt - from)} after the pause`
    if (arrivedAt < (probeAt as number) - CLOCK_MS) {
      yield { arrival, since, what: `${at}, which had a probe after ${seconds((probeAt as number) - from)}` }
      continue
    }
    if (probe !== undefined && probe.endedAt > arrivedAt)
      yield { arrival, since: from, what: `${at}, at the same time as the probe of ${probe.eventId}` }
    else if (probe !== undefined)
      yield { arrival, since: from, what: `${at}, after the probe of ${probe.eventId}`, isRepeated: true }
    probe = arrival
  }
}

function* tooFast(turn: Turn, since: number, arrivals: Arrival[], during: Arrival[]): Generator<TooMuch> {
  const { pace } = turn as { pace: number }
  for (const arrival of during) {
    const open = arrivals.filter(
      ({ arrivedAt, endedAt }) =>
        arrivedAt > since && arrivedAt <= arrival.arrivedAt && endedAt > arrival.arrivedAt,
    )
    const at = `${seconds(arrival.arrivedAt - since)} after the pause`
    if (open.length > pace)
      yield { arrival, since, what: `${at}, one of ${open.length} at a time while its pace was ${pace}` }
  }
}
