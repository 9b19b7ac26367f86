/**
 * An API key as the service holds it: who it is for, what it may do, and its SHA-256. The key itself is kept
 * nowhere, so neither a log line nor a dump of the settings tells it.
 */
import { createHash } from 'node:crypto'

/** `publish` sends events, `read` sees everything there is to see, `manage` changes what there is. */
export const scopes = ['publish', 'read', 'manage'] as const
export type Scope = (typeof scopes)[number]

export interface ApiKey {
  readonly name: string | undefined
  /** Where it stands, such as `API_KEYS#2`, for those without a name. */
  readonly place: string
  readonly scopes: ReadonlySet<Scope>
  /** SHA-256 of the key. */
  readonly hash: Buffer
}

export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest()

export const isScope = (text: string): text is Scope => (scopes as readonly string[]).includes(text)

/** What logs call it. */
export const labelOf = ({ name, place }: ApiKey): string => name ?? place

/** Whether one is the other, with the same name and the same scopes. */
export const isSameKey = (one: ApiKey, other: ApiKey): boolean =>
  one.hash.equals(other.hash) &&
  one.name === other.name &&
  scopes.every((scope) => one.scopes.has(scope) === other.scopes.has(scope))
