/**
 * The client certificate of a subscription, which its endpoint asks for in TLS: what may be set, what is stored, and
 * what is shown of it.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import { badInput } from '../errors.js'
import type { ShownClientCertificate, StoredClientCertificate } from '../model/delivery-policy.js'
import type { Clock } from '../platform/clock.js'
import type { SecretCipher } from '../secrets/cipher.js'
import { openPrivateKey, sealPrivateKey } from '../secrets/credentials.js'

const MAX_CERTIFICATES = 5
const MAX_CHAIN_LENGTH = 16_384
const MAX_KEY_LENGTH = 8192
/** A larger key costs too much time for each connection, and the smaller ones are given up. */
const RSA_BITS = { min: 2048, max: 4096 }
const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const MAX_NAME_LENGTH = 1024

export const clientCertificateForms = {
  clientCertificate:
    'What the service shows to an endpoint that asks for a client certificate (mutual TLS). For `https` only. ' +
    'The private key is stored encrypted and never shown.',
  certificate:
    `The certificate in PEM, followed by those between it and the authority that the endpoint trusts: at most ` +
    `${MAX_CERTIFICATES}, and ${MAX_CHAIN_LENGTH} characters.`,
  privateKey:
    `Its private key in PEM, without a passphrase: RSA of ${RSA_BITS.min} to ${RSA_BITS.max} bits, ECDSA on P-256, ` +
    `P-384 or P-521, or Ed25519. At most ${MAX_KEY_LENGTH} characters.`,
} as const

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

const certificate = z
  .string()
  .max(MAX_CHAIN_LENGTH, `must have at most ${MAX_CHAIN_LENGTH} characters`)
  .meta({ description: clientCertificateForms.certificate, pattern: '-----BEGIN CERTIFICATE-----' })

const privateKey = z
  .string()
  .max(MAX_KEY_LENGTH, `must have at most ${MAX_KEY_LENGTH} characters`)
  .meta({ description: clientCertificateForms.privateKey, pattern: PRIVATE_KEY.source })

/** A certificate and its key, which belong together. Both are PEM with nothing around it. */
export interface ClientCertificate {
  certificate: string
  privateKey: string
  shown: ShownClientCertificate
}

class WrongPartError extends Error {
  readonly part: 'certificate' | 'privateKey'

  constructor(part: 'certificate' | 'privateKey', message: string) {
    super(message)
    this.part = part
  }
}

export const clientCertificateField = z
  .strictObject({ certificate, privateKey })
  .meta({ description: clientCertificateForms.clientCertificate })
  .transform((input, context): ClientCertificate => {
    try {
      return readPair(input.certificate, input.privateKey)
    } catch (error) {
      if (!(error instanceof WrongPartError)) throw error
      context.addIssue({ code: 'custom', path: [error.part], message: error.message })
      return z.NEVER
    }
  })
  .nullish()

function readPair(chain: string, keyText: string): ClientCertificate {
  const certificates = readCertificates(chain)
  const key = readKey(keyText)
  const place = certificates.findIndex(({ certificate }) => certificate.checkPrivateKey(key))
  if (place === -1) throw new WrongPartError('privateKey', 'is not the key of the certificate')
  if (place > 0)
    throw new WrongPartError('certificate', `must begin with the certificate of the key, number ${place + 1}`)
  const [{ shown }] = certificates as [(typeof certificates)[0]]
  const pair = {
    certificate: certificates.map(({ pem }) => pem).join('\n'),
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
  try {
    createSecureContext({ cert: pair.certificate, key: pair.privateKey })
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    throw new WrongPartError('certificate', `can not be used for TLS (${code})`)
  }
  return { ...pair, shown }
}

function readCertificates(chain: string) {
  const found = chain.match(CERTIFICATE) ?? []
  if (found.length === 0)
    throw new WrongPartError('certificate', 'must be a certificate in PEM (-----BEGIN CERTIFICATE-----)')
  if (found.length > MAX_CERTIFICATES)
    throw new WrongPartError(
      'certificate',
      `must have at most ${MAX_CERTIFICATES} certificates: leave out those that the endpoint has`,
    )
  return found.map((text, index) => {
    try {
      const certificate = new X509Certificate(text)
      return { pem: text, certificate, shown: shownOf(certificate) }
    } catch {
      throw new WrongPartError('certificate', `has a certificate that can not be read, number ${index + 1}`)
    }
  })
}

/** @throws RangeError when a time can not be read */
function shownOf(certificate: X509Certificate): ShownClientCertificate {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serialNumber: certificate.serialNumber,
    fingerprint256: certificate.fingerprint256,
    validFrom: new Date(certificate.validFrom).toISOString(),
    validTo: new Date(certificate.validTo).toISOString(),
  }
}

/** Node.js writes each part of a name on a line of its own. */
const oneLine = (name: string | undefined): string =>
  (name ?? '').replaceAll('\n', ', ').slice(0, MAX_NAME_LENGTH).toWellFormed()

function readKey(text: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text))
    throw new WrongPartError(
      'privateKey',
      'must not have a passphrase: write it without one, by `openssl pkey -in key.pem -out plain.pem`',
    )
  const key = PRIVATE_KEY.test(text) ? tryToRead(text) : undefined
  if (key === undefined)
    throw new WrongPartError('privateKey', 'must be a private key in PEM (-----BEGIN PRIVATE KEY-----)')
  if (!isOfUse(key))
    throw new WrongPartError(
      'privateKey',
      `must be RSA of ${RSA_BITS.min} to ${RSA_BITS.max} bits, ECDSA on P-256, P-384 or P-521, or Ed25519`,
    )
  return key
}

function tryToRead(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text)
  } catch {
    return undefined
  }
}

function isOfUse({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa') return modulusLength >= RSA_BITS.min && modulusLength <= RSA_BITS.max
  return asymmetricKeyType === 'ed25519' || (asymmetricKeyType === 'ec' && curves.has(namedCurve))
}

/** @throws ServiceError BAD_USER_INPUT when it has expired */
export function checkCertificateTime(clock: Clock, input: ClientCertificate | null | undefined): void {
  if (input == null || Date.parse(input.shown.validTo) > clock.nowMs()) return
  throw badInput([
    {
      path: 'clientCertificate.certificate',
      message: `has expired, on ${input.shown.validTo}: set one that is still valid`,
    },
  ])
}

/** Without TLS nobody asks for a certificate. @throws ServiceError BAD_USER_INPUT */
export function checkCertificateUse(certificate: unknown, endpointUrl: string | null | undefined): void {
  if (certificate == null || endpointUrl?.startsWith('https:')) return
  throw badInput([
    { path: 'clientCertificate', message: 'needs an endpointUrl of https: or null, for no certificate' },
  ])
}

/** What is stored of an input. What is shown is stored with it: a list of subscriptions reads no certificate. */
export const toStoredClientCertificate = (
  cipher: SecretCipher,
  subscriptionId: string,
  { certificate, privateKey, shown }: ClientCertificate,
): StoredClientCertificate => ({
  ...{ certificate, ...shown },
  privateKey: sealPrivateKey(cipher, subscriptionId, privateKey),
})

/** The pair of a stored column. @throws UnreadableSecretError */
export function openClientCertificate(cipher: SecretCipher, subscriptionId: string, stored: unknown) {
  if (stored === null || stored === undefined) return null
  const { certificate, privateKey } = stored as StoredClientCertificate
  return { certificate, privateKey: openPrivateKey(cipher, subscriptionId, privateKey) }
}

/** What is shown of a stored column. */
export function visibleClientCertificate(stored: unknown): ShownClientCertificate | null {
  if (stored === null || stored === undefined) return null
  const { certificate: _, privateKey: __, ...shown } = stored as StoredClientCertificate
  return shown
}
