/** The length of pages, the same in every connection. A request for more rows than a page may hold gets a full page. */
import { badInput } from '../errors.js'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import { checkIds } from './ids.js'
import { limits } from './limits.js'

export { DEFAULT_LIMIT as DEFAULT_LIST_SIZE, MAX_LIMIT as MAX_LIST_SIZE }

interface PageArguments {
  first?: number | null | undefined
  last?: number | null | undefined
  filter?: object | null | undefined
}

/** The cost of a page: its own field with its filter, and the selection of an edge once for each row it may have. */
export const connectionComplexity = ({ first, last, filter }: PageArguments) => ({
  field: filterComplexity(filter),
  multiplier: Math.max(1, Math.min(first ?? last ?? DEFAULT_LIMIT, MAX_LIMIT)),
})

/** The own cost of a field with a filter: each item of a list in the filter counts. */
export const filterComplexity = (filter: object | null | undefined): number =>
  1 + Object.values(filter ?? {}).reduce<number>((sum, value) => sum + listLength(value), 0)

/** The cost of a field with one row for each item of a list. */
export const listComplexity = (list: unknown[]) => ({ field: 1, multiplier: Math.max(1, listLength(list)) })

/** @throws ServiceError BAD_USER_INPUT: a list in the document has the same limit as a list in a variable */
function listLength(value: unknown): number {
  if (!Array.isArray(value)) return 0
  if (value.length > limits.listItems)
    throw badInput([{ path: '', message: `A list must have at most ${limits.listItems} items` }])
  return value.length
}

interface AskedPage {
  after?: string | null | undefined
  before?: string | null | undefined
  filter?: object | null | undefined
}

/** @throws ServiceError BAD_USER_INPUT for a cursor of another service, or a filter by an invalid id */
export function checkPage({ filter, after, before }: AskedPage): void {
  checkIds(filter, 'filter.')
  // Pothos accepts any text in the form of a cursor. The database would fail on a cursor without an id.
  for (const [path, cursor] of Object.entries({ after, before })) {
    if (cursor != null && !isUuid(idOfCursor(cursor))) {
      throw badInput([{ path, message: 'is not a cursor of this service; use one of a page' }])
    }
  }
}

/** Pothos writes a cursor as `GPC:S:` and the id, in base64. */
const idOfCursor = (cursor: string): string =>
  /^GPC:S:(.*)$/.exec(Buffer.from(cursor, 'base64').toString())?.[1] ?? ''
