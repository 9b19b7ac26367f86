/**
 * Allowances: how many deliveries of a subscription may be leased, as far as this process knows.
 *
 * Usually that is as many as keep the fastest endpoint busy. Where leases had to be given back because they waited
 * too long for their turn, it becomes as many as the subscription really gets through (Little's law); it doubles
 * again when all of that has ended between two looks, or when little of it is used. So of an endpoint that hangs a
 * worker holds hardly more than its requests in flight, and its backlog waits in the table, where it costs nothing.
 *
 * A worker that holds much has less for everyone. Like slots (see lanes.ts), what it may hold is shared so that no
 * number of endpoints that hang takes it all: each has an eighth of what is free, and the last eighth is for those
 * that have answered lately. So its memory does not grow with the number of subscriptions either.
 */
import type { Answering } from './answering.js'

export interface Allowances {
  /** Tells that so many deliveries were leased: for a moment they count, though no worker holds them yet. */
  leased(count: number): void
  /** Tells that an attempt of a subscription has ended. */
  ended(subscriptionId: string): void
  /** Looks at what has happened since the last time, with the subscriptions that had leases given back. */
  review(late: Iterable<string>, inFlight: (subscriptionId: string) => number): void
  /** For a statement, in a process that holds so many deliveries. */
  parameters(held: number): AllowanceParameters
}

/** Subscriptions that differ from the usual, their allowances, and that of all others. */
export type AllowanceParameters = [subscriptionIds: string[], allowances: number[], usual: number]

const USUAL_ALLOWANCE = 500
const LEAST_ALLOWANCE = 10
/** Deliveries that a worker holds at most, waiting or in flight. */
const MAX_HELD = 20_000
const SHARE_OF_WHAT_IS_FREE = 1 / 8
const FOR_THOSE_THAT_ANSWER = MAX_HELD / 8

export function createAllowances(answering: Answering): Allowances {
  const reduced = new Map<string, number>()
  /** Attempts since the last look. */
  let ended = new Map<string, number>()
  const onTheWay = createMomentaryCount()

  function grow(subscriptionId: string, allowance: number, inFlight: number): void {
    const isUsedUp = (ended.get(subscriptionId) ?? 0) >= allowance
    if (!isUsedUp && inFlight >= allowance / 2) return
    if (allowance * 2 >= USUAL_ALLOWANCE) reduced.delete(subscriptionId)
    else reduced.set(subscriptionId, allowance * 2)
  }

  const shrink = (subscriptionId: string, inFlight: number): void => {
    const before = reduced.get(subscriptionId) ?? USUAL_ALLOWANCE
    const gotThrough = inFlight + (ended.get(subscriptionId) ?? 0)
    reduced.set(subscriptionId, Math.max(LEAST_ALLOWANCE, Math.min(before, gotThrough)))
  }

  return {
    leased: onTheWay.add,
    ended(subscriptionId) {
      ended.set(subscriptionId, (ended.get(subscriptionId) ?? 0) + 1)
    },
    review(late, inFlight) {
      const tooSlow = new Set(late)
      for (const [subscriptionId, allowance] of reduced) {
        if (!tooSlow.has(subscriptionId)) grow(subscriptionId, allowance, inFlight(subscriptionId))
      }
      for (const subscriptionId of tooSlow) shrink(subscriptionId, inFlight(subscriptionId))
      ended = new Map()
    },
    parameters(held) {
      const free = Math.max(0, MAX_HELD - held - onTheWay.read())
      const usual = Math.min(USUAL_ALLOWANCE, Math.ceil(free * SHARE_OF_WHAT_IS_FREE))
      const isShort = free <= FOR_THOSE_THAT_ANSWER
      const special = isShort ? answering.all() : [...reduced.keys()]
      const allowances = special.map((id) => Math.min(reduced.get(id) ?? USUAL_ALLOWANCE, usual))
      return [special, allowances, isShort ? 0 : usual]
    },
  }
}

const MOMENT_MS = 500

/** What was added in the last one to two moments. */
function createMomentaryCount() {
  let [now, before] = [0, 0]
  let turnsAt = 0

  function turn(): void {
    const lateMs = performance.now() - turnsAt
    if (lateMs < 0) return
    before = lateMs < MOMENT_MS ? now : 0
    now = 0
    turnsAt = performance.now() + MOMENT_MS
  }

  return {
    add(count: number): void {
      turn()
      now += count
    },
    read(): number {
      turn()
      return now + before
    },
  }
}
