import { hashKey } from '../api-keys/api-key.js'
import type { ApiKeySources } from '../api-keys/read-api-keys.js'

/** The API key of a service outside production that has neither API_KEYS nor API_KEYS_FILE. The docs publish it. */
export const DEVELOPMENT_API_KEY = 'dev-key-1'

/**
 * The API key that GraphiQL and the welcome text may show: the development API key, if the service accepts it. No other
 * API key is ever shown.
 */
export function publicApiKey({ apiKeys }: { apiKeys: ApiKeySources }): string | undefined {
  const hash = hashKey(DEVELOPMENT_API_KEY)
  return apiKeys.keys.some((apiKey) => apiKey.hash.equals(hash)) ? DEVELOPMENT_API_KEY : undefined
}
