/** Which subscriptions want events that are about to be accepted, and which of these events the outbox should have. */
import type { FilterFailure } from '../filters/filter.js'
import { toFilteredEvent } from '../filters/filtered-event.js'
import type { Matcher } from '../matching/matcher.js'
import type { ViewParameters } from '../matching/view.js'
import { type Candidate, keyOf } from './candidate.js'

/** An event with more deliveries goes through the outbox: its producer should not wait for them. */
export const MAX_FAST_PATH_FAN_OUT = 128
/** The most deliveries that one statement makes. Events beyond go through the outbox. */
const MAX_DELIVERIES = 1000

/** Matches of candidates: the subscriptions by match key, and the key of each candidate, in their order. */
interface CandidateMatches {
  byKey: Map<string, string[]>
  keys: string[]
  /** By event id. */
  failures: Map<string, FilterFailure[]>
  view: ViewParameters
}

export function matchCandidates(matcher: Matcher, candidates: Candidate[]): CandidateMatches {
  const { byKey, filtered, view } = matcher.match(candidates.map(keyOf), MAX_FAST_PATH_FAN_OUT)
  const failures: CandidateMatches['failures'] = new Map()
  const keys = candidates.map((candidate) => {
    const { id, publication, createdAt } = candidate
    const key = keyOf(candidate)
    if (!filtered.has(key)) return key
    const { type, tenant, data, metadata } = publication
    const event = toFilteredEvent({ type, tenant, data, metadata, createdAt })
    const match = matcher.matchEvent(event, MAX_FAST_PATH_FAN_OUT)
    if (match !== undefined) byKey.set(id, match.ids)
    if (match !== undefined && match.failures.length > 0) failures.set(id, match.failures)
    return id
  })
  return { byKey, keys, failures, view }
}

/** @returns the ids of the events that one statement should not make the deliveries of */
export function chooseForOutbox(
  candidates: Candidate[],
  keys: string[],
  byKey: CandidateMatches['byKey'],
): string[] {
  let deliveries = 0
  return candidates
    .filter((_, index) => {
      const wanting = byKey.get(keys[index] as string)
      if (wanting === undefined) return true
      deliveries += wanting.length
      return deliveries > MAX_DELIVERIES
    })
    .map(({ id }) => id)
}
