/** The arguments of pages, the same in every connection. */
import { badInput, type InputError } from '../errors.js'
import { DEFAULT_LIMIT, MAX_LIMIT } from '../platform/paging.js'
import { isUuid } from '../platform/uuid.js'
import { checkIds } from './ids.js'
import { limits } from './limits.js'

export { DEFAULT_LIMIT as DEFAULT_LIST_SIZE, MAX_LIMIT as MAX_LIST_SIZE }

interface PageArguments {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
  filter?: object | null | undefined
}

/**
 * The cost of a page: its own field with its filter, and the selection of an edge once for each row it may have. The
 * cost is computed before anything runs, so wrong arguments refuse the whole operation once.
 *
 * @throws ServiceError BAD_USER_INPUT
 */
export function connectionComplexity(page: PageArguments) {
  const errors = problemsOfPage(page)
  if (errors.length > 0) throw badInput(errors)
  const { first, last, filter } = page
  return { field: filterComplexity(filter), multiplier: Math.max(1, first ?? last ?? DEFAULT_LIMIT) }
}

/** A page is counted either from the beginning, by `first` and `after`, or from the end, by `last` and `before`. */
function problemsOfPage({ first, after, last, before }: PageArguments): InputError[] {
  const problems: InputError[] = []
  for (const [path, length] of Object.entries({ first, last })) {
    if (length != null && (length < 0 || length > MAX_LIMIT))
      problems.push({ path, message: `must be from 0 to ${MAX_LIMIT}, the most rows of a page` })
  }
  const exclude = (path: string, other: string, areBoth: boolean) =>
    areBoth && problems.push({ path, message: `can't be given together with \`${other}\`` })
  exclude('last', 'first', first != null && last != null)
  exclude('before', 'after', before != null && after != null)
  exclude('before', 'first', before != null && first != null)
  exclude('after', 'last', after != null && last != null)
  return problems
}

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
