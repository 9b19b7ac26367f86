import { badInput } from '../errors.js'
import { compiledFilter, loadFilters } from './compiled-filters.js'
import { FilterError } from './filter.js'

/** @throws ServiceError BAD_USER_INPUT that says what is wrong with the expression, and where */
export async function checkFilter(filter: string | null | undefined): Promise<void> {
  if (filter == null) return
  await loadFilters()
  try {
    compiledFilter(filter)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    throw badInput([{ path: 'filter', message: error.message }])
  }
}
