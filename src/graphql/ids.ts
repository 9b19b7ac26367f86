import { badInput } from '../errors.js'
import { isUuid, WRONG_UUID } from '../platform/uuid.js'

/**
 * An id that can't exist is a mistake in a filter, where an empty list or a silent stream would hide it.
 *
 * @throws ServiceError BAD_USER_INPUT for a member `id` or `…Id` that is no UUID
 */
export function checkIds(given: object | null | undefined, path = ''): void {
  const errors = Object.entries(given ?? {})
    .filter(([name, value]) => /^id$|Id$/.test(name) && value != null && !isUuid(String(value)))
    .map(([name]) => ({ path: `${path}${name}`, message: WRONG_UUID }))
  if (errors.length > 0) throw badInput(errors)
}
