import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { ServiceError } from '../errors.js'

/**
 * Tells whether a key is one of the service's. Every key is compared, by hashes of one length, in a time that
 * tells neither how much of a guess was right nor which key it came near to.
 */
export function createKeyCheck(apiKeys: string[]): (key: string | undefined) => boolean {
  const digest = (key: string) => createHash('sha256').update(key).digest()
  const digests = apiKeys.map(digest)
  return (key) => {
    const given = digest(key ?? '')
    let isKnown = false
    for (const known of digests) isKnown = timingSafeEqual(known, given) || isKnown
    return isKnown && key !== undefined
  }
}

/** A hook that lets nobody in without a key. */
export function requireKey(isKey: (key: string | undefined) => boolean) {
  return async (request: FastifyRequest): Promise<void> => {
    const key = request.headers['x-api-key']
    if (isKey(typeof key === 'string' ? key : undefined)) return
    throw new ServiceError(
      'UNAUTHENTICATED',
      key === undefined ? 'Send your API key in the header X-API-Key.' : 'This API key is not known here.',
    )
  }
}
