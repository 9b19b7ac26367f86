/** Authenticates a WebSocket, and closes it when its API key is removed. */
import { CloseCode } from 'graphql-ws'
import type { Extra } from 'graphql-ws/use/ws'
import type { ApiKey } from '../api-keys/api-key.js'
import type { Authentication } from '../api-keys/authentication.js'
import { ServiceError } from '../errors.js'
import type { Answer } from './answers.js'

export interface SocketExtra extends Extra {
  /** Set once the WebSocket is authenticated. */
  apiKey?: ApiKey
  /** The answers of its operations, by operation id. */
  answers?: Map<string, Answer>
  /** Stops the watch for the key's removal. */
  forget?(): void
}

/**
 * Takes the API key from the connection parameter `apiKey` or, as over HTTP, from the header of the handshake. Browsers
 * can't set this header. Without a valid key it closes the WebSocket with the reason.
 *
 * @returns whether the WebSocket may stay open
 */
export function authenticateSocket(
  authentication: Authentication,
  connectionParams: Readonly<Record<string, unknown>> | undefined,
  extra: SocketExtra,
): boolean {
  const { socket, request } = extra
  try {
    const apiKey = connectionParams?.apiKey ?? request.headers['x-api-key']
    extra.apiKey = authentication.authenticate(apiKey, request)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    // graphql-ws takes 4401 as final, and tries again after 1013. A right key may meet the limit of its address, too.
    const isPassing = error.retryAfterSeconds !== undefined
    socket.close(isPassing ? TRY_AGAIN_LATER : CloseCode.Unauthorized, closeReason(error.message))
    return false
  }
  extra.forget = authentication.onRemoved(extra.apiKey, () =>
    socket.close(CloseCode.Unauthorized, 'This API key is no longer valid.'),
  )
  return true
}

/** https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number */
const TRY_AGAIN_LATER = 1013

/** A reason has room for 123 bytes (RFC 6455 §5.5). These messages are ASCII. */
const closeReason = (message: string): string => message.slice(0, 123)
