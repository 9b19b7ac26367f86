/**
 * An exchange with an access token. One deadline covers the request for the token and the exchange. When the endpoint
 * refuses a token that was fetched earlier (401), the attempt goes on once with a new one.
 */
import type { AccessTokens } from './access-tokens.js'
import { newExchangeTrace } from './exchange-trace.js'
import { describeFailure } from './failure.js'
import type { Exchange, Webhook } from './sender.js'
import { TokenRequestError } from './token-request.js'
import type { OAuth2Client } from './webhook-policy.js'

/** What an exchange of an attempt that began earlier is given. */
export interface Authorized {
  authorization: string
  /** Of the attempt, by `performance.now()`. */
  startedAt: number
}

export interface AuthorizedExchangeOptions {
  tokens: AccessTokens
  client: OAuth2Client
  /** Of the whole attempt. */
  timeoutMs: number
  exchange(webhook: Webhook, authorized: Authorized): Promise<Exchange>
}

const UNAUTHORIZED = 401

/** Never rejects. */
export async function exchangeWithToken(
  webhook: Webhook,
  { tokens, client, timeoutMs, exchange }: AuthorizedExchangeOptions,
): Promise<Exchange> {
  const startedAt = performance.now()
  const tookMs = () => Math.round(performance.now() - startedAt)
  const getToken = () => tokens.get(client, Math.max(1, timeoutMs - tookMs()))
  const exchangeBy = (token: string) => exchange(webhook, { authorization: `Bearer ${token}`, startedAt })
  try {
    const { token, isCached } = await getToken()
    const first = await exchangeBy(token)
    if (first.statusCode !== UNAUTHORIZED || !isCached) return first
    tokens.forget(client, token)
    return await exchangeBy((await getToken()).token)
  } catch (error) {
    const message = error instanceof TokenRequestError ? error.message : describeFailure(error)
    const trace = newExchangeTrace()
    return { trace, statusCode: null, error: message, retryAfter: undefined, responseTimeMs: tookMs() }
  }
}
