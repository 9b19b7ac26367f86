/**
 * Tokens of tenants: API keys that end soon, so that a product can show its customers their own webhooks. An API key
 * makes them, for a tenant and with scopes of its own. They are signed and not stored, and end with the key that made
 * them.
 */
import { z } from 'zod'
import { type ApiKey, hashKey, isScope, labelOf, type Scope } from '../api-keys/api-key.js'
import { requireScope, type Tokens } from '../api-keys/authentication.js'
import { ServiceError } from '../errors.js'
import { tenant } from '../model/tenant.js'
import type { Clock } from '../platform/clock.js'
import { optional } from '../platform/optional.js'
import { clientIdOf, readToken, signToken } from './token-text.js'
import { tenantFor } from './viewer.js'

const MIN_SECONDS = 60
const MAX_SECONDS = 24 * 3600
const DEFAULT_SECONDS = 3600

/** The scopes as both APIs name them. */
export const scopeNames = ['PUBLISH', 'READ', 'CONSUME', 'MANAGE'] as const
type ScopeName = (typeof scopeNames)[number]

/** What the parts of a token are, for the documentation of both APIs. */
export const tokenForms = {
  itself: 'An API key of a tenant for a short time.',
  token: 'To be sent as an API key is, until it expires.',
  purpose:
    'The token sees, changes and makes only what is of the tenant, as an API key of that tenant does. It is not stored: ' +
    'nothing but its end, or the end of the API key that made it, takes it back.',
  tenant: 'Whose token it is.',
  scopes: 'Of those of the API key that makes it; `[READ]` when absent.',
  expiresInSeconds: `How long it is valid: ${MIN_SECONDS} to ${MAX_SECONDS}; ${DEFAULT_SECONDS} when absent.`,
}

export const newTenantToken = z.strictObject({
  tenant: tenant.meta({ description: tokenForms.tenant }),
  scopes: optional(z.array(z.enum(scopeNames)).min(1).max(scopeNames.length)).meta({
    description: tokenForms.scopes,
  }),
  expiresInSeconds: optional(z.int().min(MIN_SECONDS).max(MAX_SECONDS)).meta({
    description: tokenForms.expiresInSeconds,
  }),
})

export interface TenantToken {
  /** To be sent as an API key is. */
  token: string
  tenant: string
  scopes: ScopeName[]
  expiresAt: Date
}

export interface TenantTokens extends Tokens {
  /** @throws ServiceError BAD_USER_INPUT; FORBIDDEN for what the API key may not do itself */
  create(maker: ApiKey, input: z.output<typeof newTenantToken>): TenantToken
}

export interface TenantTokensOptions {
  /** See `tokenKeys`. */
  keys: readonly [Buffer, ...Buffer[]]
  apiKeys(): readonly ApiKey[]
  clock: Clock
}

/** Of tokens that were found. One that was forgotten is read again. */
const MAX_FOUND = 10_000

export function createTenantTokens({ keys, apiKeys, clock }: TenantTokensOptions): TenantTokens {
  /** A token is one `ApiKey` however often it is used, because some limits are for each. */
  const found = new Map<string, ApiKey>()

  function read(text: string): ApiKey | undefined {
    const signed = readToken(text, keys)
    if (signed === undefined) return undefined
    const { sub, scope, client_id, exp } = signed.claims
    const maker = apiKeys().find(({ hash }) => clientIdOf(hash, signed.key) === client_id)
    if (maker === undefined) return undefined
    return {
      name: undefined,
      place: `a token of ${labelOf(maker)}`,
      scopes: new Set(
        scope
          .split(' ')
          .filter(isScope)
          .filter((each) => maker.scopes.has(each)),
      ),
      tenant: sub,
      hash: hashKey(text),
      madeBy: maker,
      expiresAt: new Date(exp * 1000),
    }
  }

  return {
    create(maker, input) {
      if (maker.madeBy !== undefined)
        throw new ServiceError('FORBIDDEN', 'A token makes no tokens. Use the API key that made it.')
      const { tenant } = input
      tenantFor(maker, tenant)
      const names = scopeNames.filter((name) => (input.scopes ?? ['READ']).includes(name))
      const granted = names.map((name) => name.toLowerCase() as Scope)
      for (const scope of granted) requireScope(maker, scope)
      const iat = Math.floor(clock.now().getTime() / 1000)
      const exp = iat + (input.expiresInSeconds ?? DEFAULT_SECONDS)
      const client_id = clientIdOf(maker.hash, keys[0])
      const token = signToken({ sub: tenant, scope: granted.join(' '), client_id, iat, exp }, keys[0])
      return { token, tenant, scopes: names, expiresAt: new Date(exp * 1000) }
    },
    find(text) {
      const known = found.get(text)
      const token = known && apiKeys().includes(known.madeBy as ApiKey) ? known : read(text)
      if (token === undefined) return undefined
      if ((token.expiresAt as Date) <= clock.now()) {
        found.delete(text)
        throw new ServiceError('UNAUTHENTICATED', 'This token of a tenant has expired. Get a new one.')
      }
      if (token !== known) {
        if (found.size >= MAX_FOUND) found.delete(found.keys().next().value as string)
        found.set(text, token)
      }
      return token
    },
  }
}
