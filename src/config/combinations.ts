/** What is wrong with settings that are right one by one, but not together. */
import type { Settings } from './settings-schema.js'

/** The environment without the variables that are empty. */
export type GivenSettings = Record<string, string | undefined>

/** The files of REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE, as text. */
export const redisTlsOf = (settings: Settings | undefined) => ({
  ca: settings?.REDIS_CA_FILE,
  cert: settings?.REDIS_CERT_FILE,
  key: settings?.REDIS_KEY_FILE,
})

/** Whether API keys are configured, rather than left to the development default. */
export const namesApiKeys = (given: GivenSettings): boolean =>
  given.API_KEYS !== undefined || given.API_KEYS_FILE !== undefined

export function findMissingApiKeys(given: GivenSettings): string[] {
  if (given.NODE_ENV !== 'production' || namesApiKeys(given)) return []
  return ['API_KEYS or API_KEYS_FILE must be set in production']
}

/** @param settings undefined when a setting has a value that could not be read */
export function findContradictions(given: GivenSettings, settings: Settings | undefined): string[] {
  const problems: string[] = []
  if (given.NODE_ENV === 'production' && given.DATABASE_URL === undefined)
    problems.push('DATABASE_URL must be set in production')
  if (given.DIRECT_DATABASE_URL !== undefined && given.DATABASE_URL === undefined)
    problems.push(
      'DIRECT_DATABASE_URL is the way past the pooler of DATABASE_URL, which must be set beside it',
    )
  if ((given.ROLE === 'api' || given.ROLE === 'worker') && given.REDIS_URL === undefined)
    problems.push(`ROLE=${given.ROLE} needs REDIS_URL: without Redis only ROLE=all can run`)
  if (settings?.GRAPHQL_FEDERATION === 'true' && settings.GRAPHQL_TRUSTED_DOCUMENTS_FILE !== undefined)
    problems.push(
      'GRAPHQL_FEDERATION can not be used with GRAPHQL_TRUSTED_DOCUMENTS_FILE: a gateway makes its own operations',
    )
  const tls = redisTlsOf(settings)
  const hasTlsFiles = Object.values(tls).some((text) => text !== undefined)
  if (settings?.REDIS_URL?.isEncrypted === false && hasTlsFiles)
    problems.push(
      'REDIS_URL must begin with rediss: REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE are for TLS',
    )
  if ((tls.cert === undefined) !== (tls.key === undefined))
    problems.push('REDIS_CERT_FILE and REDIS_KEY_FILE need each other')
  return problems
}
