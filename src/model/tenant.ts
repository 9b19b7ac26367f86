/**
 * Tenants: whose an event, a subscription or a delivery is. Without one it is the operator's own.
 *
 * An event of a tenant goes to that tenant's subscriptions and to those without one. An event without a tenant goes to
 * those without. A delivery has the tenant of its subscription.
 */
import { z } from 'zod'
import { patternsOf } from './event-type.js'

const MAX_LENGTH = 128
export const TENANT_FORM = `1 to ${MAX_LENGTH} characters of A-Z a-z 0-9 _ . : -`
const pattern = new RegExp(`^[A-Za-z0-9_.:-]{1,${MAX_LENGTH}}$`)

export const tenant = z
  .string()
  .regex(pattern, `must be ${TENANT_FORM}`)
  .meta({ examples: ['acme'] })

export const isTenant = (text: string): boolean => pattern.test(text)

/** Neither a tenant nor an event type contains it. */
const SEPARATOR = '/'

/** By what events are matched: all events with the same key are wanted by the same subscriptions, but for filters. */
export const matchKey = (type: string, tenant: string | null): string =>
  tenant === null ? type : tenant + SEPARATOR + type

/** SQL: the same, of the event `e`. */
export const sqlMatchKey = (e: string): string => `coalesce(${e}.tenant || '${SEPARATOR}', '') || ${e}.type`

/** The tenant that a match key begins with. */
export function tenantOfKey(key: string): string | null {
  const at = key.indexOf(SEPARATOR)
  return at === -1 ? null : key.slice(0, at)
}

/** The types and patterns by which subscriptions want the events of a match key: the one definition of a match. */
export function wantedBy(key: string): string[] {
  const at = key.indexOf(SEPARATOR)
  if (at === -1) return patternsOf(key)
  const ofTenant = key.slice(0, at + 1)
  const patterns = patternsOf(key.slice(at + 1))
  return [...patterns, ...patterns.map((wanted) => ofTenant + wanted)]
}

/** Ends a tenant before an idempotency key. No key contains it. */
const KEY_START = '\n'

/** An idempotency key as it is stored. The keys of tenants can't meet, and one index makes all of them unique. */
export const toStoredKey = (key: string, tenant: string | null): string =>
  tenant === null ? key : tenant + KEY_START + key

/** SQL: the same, of a key and a tenant that are expressions. */
export const sqlStoredKey = (key: string, tenant: string): string =>
  `coalesce(${tenant} || chr(${KEY_START.charCodeAt(0)}), '') || ${key}`

/** The key as its producer gave it. */
export const fromStoredKey = (stored: string | null): string | null =>
  stored?.slice(stored.indexOf(KEY_START) + 1) ?? null

/**
 * The filter of a subscription without the condition on its tenant, which a trigger of the database writes before it.
 * The condition is for processes of the version before: these take the tenant of every event as null.
 */
export function fromStoredFilter(stored: string | null, tenant: string | null): string | null {
  if (stored === null || tenant === null) return stored
  const condition = `tenant == "${tenant}"`
  const [start, end] = [`${condition} && (\n`, '\n)']
  if (stored === condition) return null
  return stored.startsWith(start) && stored.endsWith(end) ? stored.slice(start.length, -end.length) : stored
}
