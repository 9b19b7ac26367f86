/**
 * Why there was no response, as one sentence for the log of the attempt, in words that the owner of the endpoint
 * understands, with the error's code. The messages of the system and of libraries are replaced where they name
 * paths or ports of this machine, or nothing at all.
 */
import { ProxyError } from '../egress/outgoing-proxy.js'

const UNREACHABLE = '{peer} can not be reached'
const UNTRUSTED = "{peer}'s certificate is signed by an authority that is not trusted"
const NO_FILES_LEFT = 'the service has as many connections and files open as its machine allows'

/** By error code. `{peer}` is the endpoint or the outgoing proxy. */
const sentences: Record<string, string> = {
  // The name.
  ENOTFOUND: 'the name of {peer} has no address',
  ETIMEOUT: 'the name servers did not answer for the name of {peer}',
  EAI_AGAIN: 'the name of {peer} could not be looked up',
  // The connection.
  ECONNREFUSED: '{peer} refused the connection',
  ECONNRESET: '{peer} reset the connection',
  ECONNABORTED: 'the connection was broken off',
  EPIPE: '{peer} closed the connection while it was being sent to',
  ETIMEDOUT: UNREACHABLE,
  EADDRNOTAVAIL: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  EHOSTDOWN: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENETDOWN: UNREACHABLE,
  // A link-local address, for example, which means nothing without the name of a network interface.
  EINVAL: 'this machine has no way to connect to the address of {peer}',
  EACCES: 'this machine does not allow connections to the address of {peer}',
  EPERM: 'this machine does not allow connections to the address of {peer}',
  EMFILE: NO_FILES_LEFT,
  ENFILE: NO_FILES_LEFT,
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not made in time',
  UND_ERR_SOCKET: 'the connection ended without a whole answer',
  UND_ERR_DESTROYED: 'the service stopped meanwhile',
  // Certificates.
  CERT_HAS_EXPIRED: "{peer}'s certificate has expired",
  CERT_NOT_YET_VALID: "{peer}'s certificate is not valid yet",
  CERT_REVOKED: "{peer}'s certificate was revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: "{peer}'s certificate is signed by nobody but itself",
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: "{peer}'s certificate is for another name",
  // The answer. Most answers that are not HTTP have a message that says what is wrong, and it is kept.
  ERR_ASSERTION: 'the answer is not HTTP/1.1',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too long',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is not as long as its content-length says',
}

const HTTP_2_ONLY = '{peer} speaks only HTTP/2, and webhooks are sent by HTTP/1.1'

/** By the reason in OpenSSL's codes, whose prefixes differ between its versions. The first match counts. */
const tlsSentences: [RegExp, string][] = [
  [/ALERT_NO_APPLICATION_PROTOCOL$/, HTTP_2_ONLY],
  [/ALERT_CERTIFICATE_REQUIRED$/, '{peer} asks for a client certificate'],
  [/ALERT_CERTIFICATE_EXPIRED$/, '{peer} says that the client certificate has expired'],
  [/ALERT_UNKNOWN_CA$/, '{peer} does not trust the authority of the client certificate'],
  [
    /ALERT_(BAD|UNSUPPORTED)_CERTIFICATE$|ALERT_CERTIFICATE_|ALERT_ACCESS_DENIED$/,
    '{peer} asks for a client certificate, or for another one',
  ],
  [
    /ALERT_HANDSHAKE_FAILURE$/,
    '{peer} ended the TLS handshake: it asks for a client certificate, or shares no cipher with the service',
  ],
  [/UNSUPPORTED_PROTOCOL$|ALERT_PROTOCOL_VERSION$/, '{peer} speaks no version of TLS that is still secure'],
  [/UNRECOGNIZED_NAME$/, '{peer} has no certificate for this name'],
  [/WRONG_VERSION_NUMBER$|PACKET_LENGTH_TOO_LONG$|HTTP_REQUEST$/, '{peer} does not speak TLS on this port'],
  [/^EPROTO$|^ERR_SSL_/, '{peer} does not speak TLS as it should'],
]

/** An HTTP/2 server begins with a SETTINGS frame (RFC 9113 §3.4): 3 bytes of length, type 4, no flags, stream 0. */
const isSettingsFrame = (data: string) => data.startsWith('\0') && data.slice(3, 9) === '\x04\0\0\0\0\0'

const MAX_LENGTH = 500

/** @param peer whom the exchange was with */
export function describeFailure(error: unknown, peer: string = 'the endpoint'): string {
  // The connection to the proxy fails for the same reasons as one to an endpoint.
  if (error instanceof ProxyError && error.cause !== undefined)
    return describe(error.cause, 'the outgoing proxy')
  return describe(error, peer)
}

function describe(failure: unknown, peer: string): string {
  const error = (mostTelling(failure) ?? {}) as { code?: unknown; message?: unknown; data?: unknown }
  const code = typeof error.code === 'string' ? error.code : ''
  const message = typeof error.message === 'string' ? error.message : ''
  const sentence = sentenceOf(code, error.data)?.replace('{peer}', peer)
  const text = sentence ?? (message === '' ? 'the exchange failed' : message)
  return oneLine(code === '' ? text : `${text} (${code})`)
}

/** @param data in an error of the HTTP parser: the answer from where the parser stopped */
function sentenceOf(code: string, data: unknown): string | undefined {
  if (typeof data === 'string' && isSettingsFrame(data)) return HTTP_2_ONLY
  return sentences[code] ?? tlsSentences.find(([reason]) => reason.test(code))?.[1]
}

/** What a machine without IPv6 says of every IPv6 address. */
const codesOfNoRoute = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL'])

/** When every address of a name failed, the errors are inside, and the outer one has no message. */
function mostTelling(error: unknown): unknown {
  if (!(error instanceof AggregateError) || error.errors.length === 0) return error
  return error.errors.find(({ code }) => !codesOfNoRoute.has(code)) ?? error.errors[0]
}

/** Endpoints can influence some messages, so line breaks are removed. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, MAX_LENGTH)
    .toWellFormed()
}
