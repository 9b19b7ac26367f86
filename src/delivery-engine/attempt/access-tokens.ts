/**
 * Access tokens of OAuth 2.0 clients (RFC 6749 §4.4), kept until shortly before they expire. Deliveries that need the
 * same token at the same time share one request for it.
 */
import type { OAuth2Client } from './webhook-policy.js'

export interface AccessToken {
  token: string
  /** Whether it was there before: then the endpoint may refuse it because it was withdrawn meanwhile. */
  isCached: boolean
}

export interface AccessTokens {
  /** @throws TokenRequestError, UnreadableSecretError */
  get(client: OAuth2Client, timeoutMs: number): Promise<AccessToken>
  /** To be called with a token that an endpoint has refused. */
  forget(client: OAuth2Client, token: string): void
}

export interface FetchedToken {
  token: string
  /** From its answer on; undefined where the answer names none. */
  expiresInSeconds: number | undefined
}

const MAX_CACHED = 10_000
const DEFAULT_LIFE_SECONDS = 300
const MAX_LIFE_SECONDS = 86_400
/** A token is renewed this part of its life, and at most this time, before its end. */
const MARGIN = 0.1
const MAX_MARGIN_SECONDS = 60

interface Cached {
  fetched: Promise<FetchedToken>
  /** Undefined while the request goes on. */
  token: string | undefined
  /** By `performance.now()`. */
  freshUntil: number
}

/** @param fetchToken makes the request. */
export function createAccessTokens(
  fetchToken: (client: OAuth2Client, timeoutMs: number) => Promise<FetchedToken>,
): AccessTokens {
  const cached = new Map<string, Cached>()

  function request(client: OAuth2Client, timeoutMs: number): Cached {
    const fetched = fetchToken(client, timeoutMs)
    const entry: Cached = { fetched, token: undefined, freshUntil: Number.POSITIVE_INFINITY }
    if (cached.size >= MAX_CACHED) cached.clear()
    cached.set(client.key, entry)
    fetched.then(
      ({ token, expiresInSeconds }) => {
        entry.token = token
        entry.freshUntil = performance.now() + freshForMs(expiresInSeconds)
      },
      () => {
        if (cached.get(client.key) === entry) cached.delete(client.key)
      },
    )
    return entry
  }

  return {
    async get(client, timeoutMs) {
      const known = cached.get(client.key)
      if (known?.token !== undefined && performance.now() < known.freshUntil)
        return { token: known.token, isCached: true }
      const isUnderWay = known !== undefined && known.token === undefined
      const { fetched } = isUnderWay ? known : request(client, timeoutMs)
      return { token: (await fetched).token, isCached: false }
    },
    forget({ key }, token) {
      if (cached.get(key)?.token === token) cached.delete(key)
    },
  }
}

function freshForMs(expiresInSeconds: number = DEFAULT_LIFE_SECONDS): number {
  const life = Math.min(expiresInSeconds, MAX_LIFE_SECONDS)
  return Math.max(0, life - Math.min(life * MARGIN, MAX_MARGIN_SECONDS)) * 1000
}
