/**
 * The breaker of an endpoint: it pauses an endpoint that keeps failing, and lets it recover by itself.
 *
 *   closed ── failing for long ──▶ paused ── a probe succeeds ──▶ recovering ── at full pace ──▶ closed
 *                                  ▲   │                              │
 *                                  └───┴── a probe fails    fails in a row
 *                                  ▲                                  │
 *                                  └──────────────────────────────────┘
 *
 * Its state is a row of `endpointHealth`, which counts only for the version of the endpoint that it names. The recorder
 * changes it; here is how it is read. No row, and a row without `probeAt` and `pace`, is a closed breaker.
 */
import { sqlRoom } from './lease-room.js'

/** When an endpoint is paused, and how it comes back. */
export interface BreakerBounds {
  /** It is paused after this many failed attempts in a row, */
  pauseAfterFailures: number
  /** over at least this time. */
  pauseAfterMs: number
  /** The wait for the first probe. Each further one waits twice as long, */
  probeWaitMs: number
  /** up to this time, plus up to 20 % at random. */
  maxProbeWaitMs: number
  /**
   * After a probe has succeeded, one delivery may be leased at a time, and one more after each success: twice as many
   * with each round. A failure takes one away. At this pace the endpoint has recovered.
   */
  fullPace: number
  /**
   * Before that, this many failed attempts in a row pause it again. One does not, or an endpoint that always refused
   * one request in five would never be what it was before it was paused.
   */
  pauseAgainAfterFailures: number
}

/** A short burst of failures changes nothing: retries go on as ever. */
export const breakerBounds: BreakerBounds = {
  pauseAfterFailures: 10,
  pauseAfterMs: 60_000,
  probeWaitMs: 30_000,
  maxProbeWaitMs: 600_000,
  fullPace: 32,
  pauseAgainAfterFailures: 5,
}

const sqlOpenBreaker = (s: string): string => `
  from "endpointHealth" h
  where h."subscriptionId" = ${s}.id and h."endpointVersion" = ${s}."endpointVersion"
    and (h."probeAt" is not null or h.pace is not null)
  limit 1`

/** SQL: a join of the breaker of the subscription `s`, unless it is closed: "probeAt" and pace. */
export const sqlJoinBreaker = (s: string): string => `
  left join lateral (select h."probeAt", h.pace ${sqlOpenBreaker(s)}) as breaker on true`

/** SQL: the most leases that the breaker allows at a time: null while it is closed, one for a probe. */
export const sqlBreakerPace = `case when breaker."probeAt" is not null then 1 else breaker.pace end`

/**
 * SQL: whether a leased delivery of the subscription `s` must not be sent: it was leased before the pause. A probe is
 * the only lease of its subscription.
 */
export const sqlIsHeldUp = (s: string): string => `
  case when breaker."probeAt" > now() then true
       when breaker."probeAt" is null and breaker.pace is null then false
       else ${sqlRoom(`${s}.id`, `(${sqlBreakerPace} + 1)`)} = 0 end`

/**
 * SQL: whether new deliveries of the subscription `s` stay in the table at first: its consumer takes them, or the
 * scheduler leases them, because it has a limit of its own or its breaker is not closed.
 */
export const sqlIsLimited = (s: string): string => `
  (${s}.kind = 'PULL' or coalesce(${s}."maxRequestsPerSecond", ${s}."maxInFlight") is not null
   or (select true ${sqlOpenBreaker(s)}) is not null)`
