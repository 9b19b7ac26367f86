import { badInput } from '../errors.js'
import { isUuid, WRONG_UUID } from '../platform/uuid.js'

/**
 * An impossible id in a filter is a mistake. Without an error, an empty list or a silent stream would hide it.
 *
 * @throws ServiceError BAD_USER_INPUT when a member `id` or `…Id` is no UUID
 */
export function checkIds(given: object | null | undefined, path = ''): void {
  const errors = Object.entries(given ?? {})
    .filter(([name, value]) => /^id$|Id$/.test(name) && value != null && !isUuid(String(value)))
    .map(([name]) => ({ path: `${path}${name}`, message: WRONG_UUID }))
  if (errors.length > 0) throw badInput(errors)
}
