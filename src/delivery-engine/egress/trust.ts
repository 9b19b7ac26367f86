/** Certificates for deliveries: extra authorities to trust, and the client certificate (mutual TLS). */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'

export interface ClientCertificate {
  /** PEM, with the certificates between it and its authority, if any. */
  cert: string
  key: string
}

/** @throws Error that says what is wrong with the file, in words that follow the setting's name */
export function readAuthorities(path: string): string {
  const pem = readFile(path)
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (certificates === null)
    throw new Error(`has no certificate in PEM (-----BEGIN CERTIFICATE-----): ${path}`)
  for (const [index, certificate] of certificates.entries()) {
    if (!isCertificate(certificate))
      throw new Error(`has a certificate that can not be read, number ${index + 1}: ${path}`)
  }
  return certificates.join('\n')
}

/**
 * The authorities of NODE_EXTRA_CA_CERTS, which Node.js 20 forgets once others are added to its store. Node.js itself
 * warns when that file is wrong.
 */
export function readNodesExtra(path: string | undefined): string[] {
  try {
    return path === undefined ? [] : [readAuthorities(path)]
  } catch {
    return []
  }
}

/** @throws Error as above */
export function readClientCertificate(certPath: string, keyPath: string): ClientCertificate {
  const pair = { cert: readFile(certPath), key: readFile(keyPath, 'is of no use: EGRESS_CLIENT_KEY_FILE ') }
  try {
    createSecureContext(pair)
  } catch (error) {
    throw new Error(`and EGRESS_CLIENT_KEY_FILE ${whyNotAPair(error as NodeJS.ErrnoException)}`)
  }
  return pair
}

function whyNotAPair({ code = '' }: NodeJS.ErrnoException): string {
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
    return 'do not belong together: the key is that of another certificate'
  if (/PASSWORD|BAD_DECRYPT|INTERRUPTED/.test(code)) return 'can not be used: the key must not be encrypted'
  return `must be a certificate and its key in PEM${code && ` (${code})`}`
}

export interface TrustOptions {
  /** Extra authorities, as PEM. */
  authorities: string | undefined
  clientCertificate: ClientCertificate | undefined
}

/**
 * Extra authorities are added to the store, because the option `ca` would replace the authorities that Node.js
 * trusts by default. Those can't be read: they may be Node.js's own list, NODE_EXTRA_CA_CERTS or the system's.
 */
export function createTrust({ authorities, clientCertificate }: TrustOptions): SecureContext {
  const secureContext = createSecureContext(clientCertificate)
  if (authorities !== undefined) secureContext.context.addCACert(authorities)
  return secureContext
}

function readFile(path: string, setting = ''): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`${setting}can not be read (${code ?? message}): ${path}`)
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
