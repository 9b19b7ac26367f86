/**
 * Were the orders kept? At an ordered endpoint no event of a key may arrive before all that were accepted before it
 * have come to their end there: were taken, or given up after their last attempt.
 *
 * What was taken may come again after its successors, where a fault has cut its answer off from the record
 * (docs/decisions/0050): that is for the duplicates to explain.
 */
import type { Endpoint, Received } from './endpoints.js'
import type { Find } from './findings.js'
import { type Past, seconds } from './moments.js'

export interface OrderFigures {
  /** Events that were held against the one before of their key, at an endpoint. */
  neighbours: number
  /** Against all before of their key. */
  pairs: number
  /** Orders with an event before that was given up. */
  afterDead: number
  /** Requests for what was given up that a fault held up, beyond its end. */
  excused: number
}

/** How an event ended at an endpoint. */
export type EndOf = (eventId: string, endpoint: string) => 'SENT' | 'DEAD' | undefined

interface Ended {
  eventId: string
  status: 'SENT' | 'DEAD'
  /** By `performance.now()`. */
  at: number
}

export function checkOrders(
  endpoints: Endpoint[],
  inOrder: Iterable<[orderingKey: string, eventIds: string[]]>,
  endOf: EndOf,
  past: Past[],
  find: Find,
): OrderFigures {
  const figures: OrderFigures = { neighbours: 0, pairs: 0, afterDead: 0, excused: 0 }
  const orders = [...inOrder]
  for (const endpoint of endpoints.filter(({ isOrdered }) => isOrdered))
    for (const [orderingKey, eventIds] of orders) checkOrder(endpoint, orderingKey, eventIds)
  return figures

  function checkOrder({ name, received }: Endpoint, orderingKey: string, eventIds: string[]): void {
    let before = 0
    /** The one that ended last of all before. */
    let last: Ended | undefined
    let previous: Ended | undefined
    for (const eventId of eventIds) {
      const requests = received.get(eventId) ?? []
      const status = endOf(eventId, name)
      const [first] = requests
      // What is lost is found elsewhere, and one that never came has no place to be wrong.
      if (first === undefined || status === undefined) continue
      if (previous !== undefined) {
        figures.neighbours += 1
        figures.pairs += before
        if (previous.status === 'DEAD') figures.afterDead += 1
      }
      if (last !== undefined && first.arrivedAt < last.at) {
        if (last.status === 'DEAD' && wasHeldUp(name, first.arrivedAt, past)) figures.excused += 1
        else find('order', eventId, tell(orderingKey, name, first, last))
      }
      previous = { eventId, status, at: endedAt(status, requests) }
      if (last === undefined || previous.at > last.at) last = previous
      before += 1
    }
  }
}

/** The first time that it was taken; else the end of its last attempt. */
function endedAt(status: 'SENT' | 'DEAD', requests: Received[]): number {
  const taken = requests.find(({ status: answer }) => answer >= 200 && answer < 300)
  if (status === 'SENT') return taken?.endedAt ?? 0
  return Math.max(...requests.map((request) => request.endedAt))
}

/** A request of an attempt that the service has given up may arrive later, where a fault holds it up. */
const wasHeldUp = (endpoint: string, at: number, past: Past[]): boolean =>
  past.some(
    ({ fault, victim, from, to }) =>
      (fault.mayHoldUp === 'any' || (fault.mayHoldUp === 'of its endpoint' && victim === endpoint)) &&
      from <= at &&
      at <= to + HELD_UP_MS,
  )

/** What a network has still on its way when it is well again. */
const HELD_UP_MS = 10_000

const tell = (orderingKey: string, endpoint: string, first: Received, { eventId, status, at }: Ended) =>
  `of ${orderingKey} at ${endpoint}, came ${seconds(at - first.arrivedAt)} before the end of ${eventId}, which is ${status}`
