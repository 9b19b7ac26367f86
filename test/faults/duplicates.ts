/**
 * Webhooks that an endpoint answered with 2xx more than once. The service promises at least once, and not more
 * often than it must: each repetition has to lie at a fault that cut an answer off from its record.
 */
import type { Endpoint, Received } from './endpoints.js'
import { type Past, seconds, sinceFault } from './moments.js'

export interface Duplicate {
  eventId: string
  endpoint: string
  /** When the endpoint had answered what then came again. */
  answeredAt: number
  /** The fault that explains it. */
  cause: string | undefined
  /** When it came, for whoever has to explain it. */
  story: string
}

/** On a machine that has more to do than it can, an answer may wait that long for its record. */
const RECORDED_WITHIN_MS = 5000

export function* findDuplicates(endpoints: Endpoint[], past: Past[]): Generator<Duplicate> {
  for (const { name, received } of endpoints) {
    const mayHaveDoubled = past.filter(
      ({ fault, victim }) =>
        fault.mayDouble === 'any' || (fault.mayDouble === 'of its endpoint' && victim === name),
    )
    for (const [eventId, requests] of received) {
      const taken = requests.filter(({ status }) => status >= 200 && status < 300)
      // What the endpoint took before is what should have been recorded.
      for (const [index, earlier] of taken.slice(0, -1).entries()) {
        const cause = mayHaveDoubled.find((fault) => wasInTheWay(fault, earlier))
        const story = tell(earlier, taken[index + 1] as Received, past)
        yield { eventId, endpoint: name, answeredAt: earlier.endedAt, cause: cause?.fault.name, story }
      }
    }
  }
}

const wasInTheWay = ({ from, to }: Past, { arrivedAt, endedAt }: Received) =>
  from <= endedAt + RECORDED_WITHIN_MS && to >= arrivedAt

function tell(earlier: Received, later: Received, past: Past[]): string {
  const since = sinceFault(earlier.arrivedAt, past)
  return `taken for ${seconds(earlier.endedAt - earlier.arrivedAt)}${since}, and again ${seconds(later.arrivedAt - earlier.arrivedAt)} later`
}

/** As long as it may take to work off what piled up during a fault, on a machine that has all to do at once. */
const AFTERMATH_MS = 60_000

/** What a fault that is over may still lead to: there is so much to do at once that answers come too late. */
export const LATE = 'an answer too late, after a fault'

/**
 * Explains what the service itself has logged: it had no answer from the endpoint in time, so it had to ask again.
 * That is believed for a while after a fault only; in quiet times an endpoint that answered was heard.
 */
export function explainLate(
  duplicates: Duplicate[],
  past: Past[],
  unheard: (one: Duplicate) => boolean,
): void {
  for (const one of duplicates) {
    const isAftermath = past.some(
      ({ from, to }) => from <= one.answeredAt && one.answeredAt <= to + AFTERMATH_MS,
    )
    if (one.cause === undefined && isAftermath && unheard(one)) one.cause = LATE
  }
}
