/**
 * Who gets in, whichever way they come: with a key of the keyStore, as long as they have not tried too many
 * wrong ones. A right key opens at all times, so whoever guesses behind a proxy shuts out nobody else there.
 */
import { ServiceError } from '../errors.js'
import type { AddressOf } from '../platform/client-address.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { ApiKey, Scope } from './api-key.js'
import { createFailureLimit } from './failure-limit.js'
import type { KeyStore } from './key-store.js'

export interface Authentication extends Pick<KeyStore, 'onRemoved'> {
  /** @throws ServiceError UNAUTHENTICATED, or TOO_MANY_REQUESTS */
  admit(key: unknown, request: Parameters<AddressOf>[0]): ApiKey
}

export function createAuthentication(
  keyStore: KeyStore,
  serviceEvents: ServiceEvents,
  addressOf: AddressOf,
): Authentication {
  const limit = createFailureLimit()
  return {
    onRemoved: keyStore.onRemoved,
    admit(key, request) {
      if (typeof key !== 'string' || key === '') {
        serviceEvents.emit('refused', { reason: 'missing' })
        throw new ServiceError('UNAUTHENTICATED', 'Send your API key in the header X-API-Key.')
      }
      const known = keyStore.find(key)
      if (known !== undefined) return known
      const retryAfterSeconds = limit.count(addressOf(request) ?? 'unknown')
      serviceEvents.emit('refused', { reason: retryAfterSeconds === undefined ? 'wrong' : 'limited' })
      if (retryAfterSeconds === undefined)
        throw new ServiceError('UNAUTHENTICATED', 'This API key is not known here.')
      throw new ServiceError(
        'TOO_MANY_REQUESTS',
        `Too many wrong API keys came from this address. Try again in ${retryAfterSeconds} s; a right key works at once.`,
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
