/**
 * Authenticates clients over HTTP and WebSocket. A client needs a known API key, and its address must not have tried
 * too many wrong ones.
 *
 * Past the limit, the service refuses every API key new to this address, right or wrong. So a guesser learns nothing
 * from a 429, and gets no more guesses a minute than the limit allows. A key still works if it worked from the same
 * address before.
 */
import { ServiceError } from '../errors.js'
import type { AddressOf } from '../platform/client-address.js'
import type { Clock } from '../platform/clock.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { ApiKey, Scope } from './api-key.js'
import type { ApiKeyStore } from './api-key-store.js'
import { createFailureLimit } from './failure-limit.js'

export interface Authentication {
  /** Calls `act` once when the key is removed, is changed, or expires. @returns a function to cancel this */
  onRemoved(key: ApiKey, act: () => void): () => void
  /** @param key an API key, or a token of a tenant. @throws ServiceError UNAUTHENTICATED, or TOO_MANY_REQUESTS */
  authenticate(key: unknown, request: Parameters<AddressOf>[0]): ApiKey
}

/** API keys for a short time, which are nowhere written. */
export interface Tokens {
  /** @throws ServiceError UNAUTHENTICATED for one that has expired. @returns undefined for what is no token */
  find(text: string): ApiKey | undefined
}

export function createAuthentication(
  apiKeyStore: ApiKeyStore,
  tokens: Tokens,
  serviceEvents: ServiceEvents,
  addressOf: AddressOf,
  clock: Clock,
): Authentication {
  const limit = createFailureLimit()
  const usedBefore = createUsedKeys()
  return {
    onRemoved(key, act) {
      const { madeBy = key, expiresAt } = key
      const forget = apiKeyStore.onRemoved(madeBy, act)
      if (expiresAt === undefined) return forget
      const timer = setTimeout(act, expiresAt.getTime() - clock.now().getTime()).unref()
      return () => {
        clearTimeout(timer)
        forget()
      }
    },
    authenticate(key, request) {
      if (typeof key !== 'string' || key === '') {
        serviceEvents.emit('refused', { reason: 'missing' })
        throw new ServiceError(
          'UNAUTHENTICATED',
          'Send your API key in the header X-API-Key, or over WebSocket as the connection parameter apiKey.',
        )
      }
      const address = addressOf(request) ?? 'unknown'
      const known = apiKeyStore.find(key) ?? tokens.find(key)
      const secondsLeft = limit.secondsLeft(address)
      if (known !== undefined && (secondsLeft === undefined || usedBefore.has(address, known))) {
        usedBefore.add(address, known)
        return known
      }
      const retryAfterSeconds = secondsLeft ?? limit.count(address)
      serviceEvents.emit('refused', { reason: retryAfterSeconds === undefined ? 'wrong' : 'limited' })
      if (retryAfterSeconds === undefined)
        throw new ServiceError('UNAUTHENTICATED', 'This API key is not known here.')
      throw new ServiceError(
        'TOO_MANY_REQUESTS',
        `Too many wrong API keys came from this address. Try again in ${retryAfterSeconds} s.`,
        { retryAfterSeconds },
      )
    },
  }
}

/** @throws ServiceError FORBIDDEN */
export function requireScope(key: ApiKey, scope: Scope): void {
  if (key.scopes.has(scope)) return
  throw new ServiceError('FORBIDDEN', `This API key lacks the scope \`${scope}\`. Use one that has it.`)
}

/** Maximum of addresses with remembered API keys. Beyond it, the oldest address is forgotten. */
const MAX_ADDRESSES = 10_000

/** Remembers the accepted API keys of each address: of a token, the one that made it. */
function createUsedKeys() {
  const byAddress = new Map<string, Set<ApiKey>>()
  return {
    has: (address: string, key: ApiKey) => byAddress.get(address)?.has(key.madeBy ?? key) === true,
    add(address: string, key: ApiKey) {
      const apiKey = key.madeBy ?? key
      const known = byAddress.get(address)
      if (known !== undefined) return void known.add(apiKey)
      if (byAddress.size >= MAX_ADDRESSES) byAddress.delete(byAddress.keys().next().value as string)
      byAddress.set(address, new Set([apiKey]))
    },
  }
}
