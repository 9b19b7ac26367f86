/**
 * An API key in the service: its name, its scopes and its SHA-256. The service keeps no copy of the key itself, so
 * neither a log line nor a dump of the settings can reveal it.
 */
import { createHash } from 'node:crypto'

/**
 * `publish` allows sending events, `read` every query, `consume` taking and answering deliveries of subscriptions of
 * kind PULL, `manage` every other change.
 */
export const scopes = ['publish', 'read', 'consume', 'manage'] as const
export type Scope = (typeof scopes)[number]

export interface ApiKey {
  readonly name: string | undefined
  /** The position of the entry, such as `API_KEYS#2`. Identifies a key without a name. */
  readonly place: string
  readonly scopes: ReadonlySet<Scope>
  /** The tenant that it is bound to: it sees, changes and makes nothing else. Null: it may do so with everything. */
  readonly tenant: string | null
  /** SHA-256 of the key. */
  readonly hash: Buffer
  /** Of a token: the API key that made it, and when it ends. */
  readonly madeBy?: ApiKey
  readonly expiresAt?: Date
}

export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest()

export const isScope = (text: string): text is Scope => (scopes as readonly string[]).includes(text)

/** The name of the key in logs. */
export const labelOf = ({ name, place }: ApiKey): string => name ?? place

/** Whether both have the same hash, name, scopes and tenant. The place may differ. */
export const isSameKey = (one: ApiKey, other: ApiKey): boolean =>
  one.hash.equals(other.hash) &&
  one.name === other.name &&
  one.tenant === other.tenant &&
  scopes.every((scope) => one.scopes.has(scope) === other.scopes.has(scope))
