/**
 * Authenticates clients, over HTTP and WebSocket alike: by a known API key, from an address that has not tried too many
 * wrong ones.
 *
 * Past the limit, an API key that this address has not used before is refused unread, right or wrong. So a guesser
 * learns nothing from a 429 and gets as few guesses a minute as the limit says. API keys that have worked from the same
 * address before still work.
 */
import { ServiceError } from '../errors.js'
import type { AddressOf } from '../platform/client-address.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { ApiKey, Scope } from './api-key.js'
import type { ApiKeyStore } from './api-key-store.js'
import { createFailureLimit } from './failure-limit.js'

export interface Authentication extends Pick<ApiKeyStore, 'onRemoved'> {
  /** @throws ServiceError UNAUTHENTICATED, or TOO_MANY_REQUESTS */
  authenticate(key: unknown, request: Parameters<AddressOf>[0]): ApiKey
}

export function createAuthentication(
  apiKeyStore: ApiKeyStore,
  serviceEvents: ServiceEvents,
  addressOf: AddressOf,
): Authentication {
  const limit = createFailureLimit()
  const usedBefore = createUsedKeys()
  return {
    onRemoved: apiKeyStore.onRemoved,
    authenticate(key, request) {
      if (typeof key !== 'string' || key === '') {
        serviceEvents.emit('refused', { reason: 'missing' })
        throw new ServiceError(
          'UNAUTHENTICATED',
          'Send your API key in the header X-API-Key, or over WebSocket as the connection parameter apiKey.',
        )
      }
      const address = addressOf(request) ?? 'unknown'
      const known = apiKeyStore.find(key)
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

/** Addresses whose API keys are remembered; beyond this number those that came first are forgotten. */
const MAX_ADDRESSES = 10_000

/** The API keys that have worked, by the addresses that they came from. */
function createUsedKeys() {
  const byAddress = new Map<string, Set<ApiKey>>()
  return {
    has: (address: string, apiKey: ApiKey) => byAddress.get(address)?.has(apiKey) === true,
    add(address: string, apiKey: ApiKey) {
      const known = byAddress.get(address)
      if (known !== undefined) return void known.add(apiKey)
      if (byAddress.size >= MAX_ADDRESSES) byAddress.delete(byAddress.keys().next().value as string)
      byAddress.set(address, new Set([apiKey]))
    },
  }
}
