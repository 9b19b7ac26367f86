/** Who may open a WebSocket, and for how long: as long as the key that opened it is one. */
import { CloseCode } from 'graphql-ws'
import type { Extra } from 'graphql-ws/use/ws'
import type { ApiKey } from '../api-keys/api-key.js'
import type { Authentication } from '../api-keys/authentication.js'
import { ServiceError } from '../errors.js'
import type { Answer } from './answers.js'

export interface SocketExtra extends Extra {
  /** Whose socket it is, once it is let in. */
  apiKey?: ApiKey
  /** What its operations answer, by their ids. */
  answers?: Map<string, Answer>
  /** Calls off what the key's removal would do. */
  forget?(): void
}

/** Answers whether it is let in; one that has tried too many wrong keys is closed with the reason. */
export function admitSocket(authentication: Authentication, key: unknown, extra: SocketExtra): boolean {
  const { socket, request } = extra
  try {
    extra.apiKey = authentication.admit(key, request)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    // A reason has room for 123 bytes (RFC 6455 §5.5).
    if (error.retryAfterSeconds !== undefined)
      socket.close(CloseCode.TooManyInitialisationRequests, `Try again in ${error.retryAfterSeconds} s`)
    return false
  }
  extra.forget = authentication.onRemoved(extra.apiKey, () => socket.close(CloseCode.Forbidden, 'Forbidden'))
  return true
}
