/**
 * What kept an answer from coming, as one sentence for the log of the attempt: in words that the owner of the
 * endpoint understands, with the code for who wants to look it up. The texts of the system and of the libraries are
 * not passed on where they are known to tell of this machine (paths, ports) or nothing at all.
 */
import { ProxyError } from '../egress/outgoing-proxy.js'

/** `{peer}` is the endpoint, or the outgoing proxy. */
const sentences: Record<string, string> = {
  // The name. The codes are those of getaddrinfo.
  ENOTFOUND: 'the name of {peer} has no address',
  EAI_AGAIN: 'the name of {peer} could not be looked up',
  // The connection.
  ECONNREFUSED: '{peer} refused the connection',
  ECONNRESET: '{peer} reset the connection',
  ECONNABORTED: 'the connection was broken off',
  EPIPE: '{peer} closed the connection while it was being sent to',
  ETIMEDOUT: '{peer} can not be reached',
  EADDRNOTAVAIL: '{peer} can not be reached',
  EHOSTUNREACH: '{peer} can not be reached',
  ENETUNREACH: '{peer} can not be reached',
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not made in time',
  UND_ERR_SOCKET: 'the connection ended without a whole answer',
  UND_ERR_DESTROYED: 'the service stopped meanwhile',
  // TLS and its certificates. OpenSSL's own texts name the lines of its source.
  EPROTO: '{peer} does not speak TLS as it should',
  CERT_HAS_EXPIRED: "{peer}'s certificate has expired",
  CERT_NOT_YET_VALID: "{peer}'s certificate is not valid yet",
  CERT_REVOKED: "{peer}'s certificate was revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: "{peer}'s certificate is signed by nobody but itself",
  SELF_SIGNED_CERT_IN_CHAIN: "{peer}'s certificate is signed by an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "{peer}'s certificate is signed by an authority that is not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "{peer}'s certificate is signed by an authority that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "{peer}'s certificate is signed by an authority that is not trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "{peer}'s certificate is for another name",
  // The answer. What breaks HTTP's grammar has no code, but a text that says what it was.
  ERR_ASSERTION: 'the answer is not HTTP/1.1',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too long',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is not as long as its content-length says',
}

const MAX_LENGTH = 500

export function describeFailure(error: unknown): string {
  // What a proxy's connection failed with says the same as an endpoint's would.
  if (error instanceof ProxyError && error.cause !== undefined)
    return describe(error.cause, 'the outgoing proxy')
  return describe(error, 'the endpoint')
}

function describe(error: unknown, peer: string): string {
  const { code, message } = (mostTelling(error) ?? {}) as { code?: unknown; message?: unknown }
  const text = typeof message === 'string' && message !== '' ? message : 'the exchange failed'
  if (typeof code !== 'string') return oneLine(text)
  const sentence = sentences[code.startsWith('ERR_SSL_') ? 'EPROTO' : code]?.replace('{peer}', peer)
  return oneLine(`${sentence ?? text} (${code})`)
}

/** What a machine without IPv6 says of every IPv6 address. */
const codesOfNoRoute = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL'])

/** When every address of a name failed, the errors are inside, and the outer one has no text. */
function mostTelling(error: unknown): unknown {
  if (!(error instanceof AggregateError) || error.errors.length === 0) return error
  return error.errors.find(({ code }) => !codesOfNoRoute.has(code)) ?? error.errors[0]
}

/** Whoever owns an endpoint has a say in some texts, so they are kept from breaking lines or lists. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, MAX_LENGTH)
    .toWellFormed()
}
