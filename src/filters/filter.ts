/** Filters: whether a subscription wants an event of its types, by an expression in CEL over the event. */

/** What a filter sees of an event. */
export interface FilteredEvent {
  type: string
  tenant: string | null
  /** The parsed JSON. */
  data: unknown
  metadata: unknown
  createdAt: Date
}

export interface Verdict {
  matches: boolean
  /** Why there was no answer; the event then does not match. */
  error: string | null
}

/** A filter that gave no answer for an event. */
export interface FilterFailure {
  subscriptionId: string
  error: string
}

export interface Filter {
  test(event: FilteredEvent): Verdict
  /** The parts of the filter, joined by `&&`, that do not hold for an event, as text. */
  unmet(event: FilteredEvent): string[]
}

export const MAX_FILTER_LENGTH = 4096

/** What a filter may be, as both faces document it. */
export const FILTER_FORM =
  `An expression in CEL of at most ${MAX_FILTER_LENGTH} characters over \`type\`, \`tenant\`, \`data\`, \`metadata\` ` +
  'and `createdAt`: of the events of its types, the subscription gets those for which it is true.'

/** Refuses an expression. */
export class FilterError extends Error {
  override readonly name = 'FilterError'

  /** @param position of the character, from 1; undefined where the whole expression is meant */
  constructor(problem: string, position?: number) {
    super(position === undefined ? problem : `${problem} (at character ${position})`)
  }
}
