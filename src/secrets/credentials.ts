/** The secrets that a subscription's requests carry, as opposed to those that sign them: how they are stored. */
import type { SecretCipher } from './cipher.js'

/** A value of the column `secretHeaders`: stored texts by header name. */
export type StoredHeaders = Record<string, string>

/** What a sealed credential is bound to. So a copy of a signing secret does not open as a header. */
const headerOwner = (subscriptionId: string, name: string): string =>
  `${subscriptionId}/secretHeaders/${name}`

/** What a credential is called in errors. */
const headerCalled = (name: string): string => `the secret header ${name}`

const authOwner = (subscriptionId: string): string => `${subscriptionId}/auth`
const AUTH_CALLED = 'the secret of auth'

const privateKeyOwner = (subscriptionId: string): string => `${subscriptionId}/clientCertificate`
const PRIVATE_KEY_CALLED = 'the key of the client certificate'

const mapValues = (texts: StoredHeaders, change: (text: string, name: string) => string): StoredHeaders =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, change(text, name)]))

export const sealHeaders = (cipher: SecretCipher, subscriptionId: string, headers: StoredHeaders) =>
  mapValues(headers, (value, name) => cipher.seal(headerOwner(subscriptionId, name), value))

/** @throws UnreadableSecretError */
export const openHeaders = (
  cipher: Pick<SecretCipher, 'open'>,
  subscriptionId: string,
  stored: StoredHeaders,
) =>
  mapValues(stored, (text, name) => cipher.open(headerOwner(subscriptionId, name), text, headerCalled(name)))

export const sealAuthSecret = (cipher: SecretCipher, subscriptionId: string, secret: string): string =>
  cipher.seal(authOwner(subscriptionId), secret)

/** @throws UnreadableSecretError */
export const openAuthSecret = (
  cipher: Pick<SecretCipher, 'open'>,
  subscriptionId: string,
  stored: string,
): string => cipher.open(authOwner(subscriptionId), stored, AUTH_CALLED)

/** Of a client certificate. */
export const sealPrivateKey = (cipher: SecretCipher, subscriptionId: string, privateKey: string): string =>
  cipher.seal(privateKeyOwner(subscriptionId), privateKey)

/** @throws UnreadableSecretError */
export const openPrivateKey = (
  cipher: Pick<SecretCipher, 'open'>,
  subscriptionId: string,
  stored: string,
): string => cipher.open(privateKeyOwner(subscriptionId), stored, PRIVATE_KEY_CALLED)
