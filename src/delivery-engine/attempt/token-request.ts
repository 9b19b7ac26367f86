/**
 * Fetches an access token by client credentials (RFC 6749 §4.4). The request goes out as webhooks do: by the same
 * connections, guard, proxy and authorities. Nothing that the token endpoint says is repeated, but the error codes of
 * the RFC.
 */
import { basicCredentials } from '../../platform/basic-credentials.js'
import type { Connections, ExchangeHandler } from '../egress/connections.js'
import type { FetchedToken } from './access-tokens.js'
import { describeFailure } from './failure.js'
import type { OAuth2Client } from './webhook-policy.js'

/** There is no access token. The message goes into delivery logs and is for the owner of the endpoint. */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError'

  constructor(reason: string) {
    super(`no access token: ${reason}`)
  }
}

const PEER = 'the token endpoint'
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_TOKEN_LENGTH = 8192

/** RFC 6749 §5.2. */
const errorCodes = new Set([
  ...['invalid_request', 'invalid_client', 'invalid_grant'],
  ...['unauthorized_client', 'unsupported_grant_type', 'invalid_scope'],
])

interface Answer {
  statusCode: number
  body: string
}

export const createTokenRequest =
  (connections: Connections) =>
  async (client: OAuth2Client, timeoutMs: number): Promise<FetchedToken> =>
    readAnswer(await exchange(connections, client, timeoutMs))

function exchange(connections: Connections, client: OAuth2Client, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new TokenRequestError(reason))
    const deadline = setTimeout(() => {
      isOver = true
      fail(`${PEER} did not answer within ${timeoutMs} ms`)
      handler.connection?.abort()
    }, timeoutMs)
    const end = (settle: () => void) => {
      clearTimeout(deadline)
      settle()
    }
    let isOver = false
    let statusCode = 0
    let bytes = 0
    const chunks: Buffer[] = []
    const handler: ExchangeHandler = {
      timeoutMs,
      connection: undefined,
      onRequestStart(controller) {
        if (isOver) controller.abort(new Error('too late'))
      },
      onResponseStart(_, status) {
        statusCode = status
      },
      onResponseData(_, chunk) {
        bytes += chunk.length
        if (bytes <= MAX_ANSWER_BYTES) return void chunks.push(chunk)
        end(() => fail(`the answer of ${PEER} is longer than is read`))
        this.connection?.abort()
      },
      onResponseEnd: () => end(() => resolve({ statusCode, body: Buffer.concat(chunks).toString() })),
      onResponseError: (_, error) =>
        end(() => fail(describeFailure(handler.connection?.firstError ?? error, PEER))),
    }
    try {
      const { origin, pathname, search } = new URL(client.tokenUrl)
      const request = { origin, path: pathname + search, method: 'POST' as const }
      // Not on a connection that its server may be closing just now.
      connections.dispatchOnNew({ ...request, headers: headersOf(client), body: bodyOf(client) }, handler)
    } catch (error) {
      end(() => reject(error))
    }
  })
}

/** RFC 6749 §2.3.1: both are encoded as form values before they become user name and password. */
function headersOf({ clientId, clientSecret }: OAuth2Client): Record<string, string> {
  const encode = (text: string) => new URLSearchParams({ a: text }).toString().slice('a='.length)
  return {
    accept: 'application/json',
    authorization: basicCredentials(encode(clientId), encode(clientSecret())),
    'content-type': 'application/x-www-form-urlencoded',
  }
}

function bodyOf({ scope, audience }: OAuth2Client): string {
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  if (scope !== undefined) form.set('scope', scope)
  if (audience !== undefined) form.set('audience', audience)
  return form.toString()
}

/** RFC 6749 §5.1. */
function readAnswer({ statusCode, body }: Answer): FetchedToken {
  const answer = parse(body)
  if (statusCode !== 200) {
    const code = errorCodes.has(String(answer.error)) ? ` ${answer.error}` : ''
    throw new TokenRequestError(`${PEER} answered ${statusCode}${code}`)
  }
  const { access_token: token, token_type: type } = answer
  if (typeof token !== 'string' || !/^[!-~]+$/.test(token) || token.length > MAX_TOKEN_LENGTH)
    throw new TokenRequestError(`the answer of ${PEER} has no access_token that can be sent`)
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    throw new TokenRequestError(`the token_type that ${PEER} answered is not Bearer`)
  const seconds = Number(answer.expires_in)
  const isKnown = answer.expires_in != null && Number.isFinite(seconds) && seconds >= 0
  return { token, expiresInSeconds: isKnown ? seconds : undefined }
}

function parse(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
