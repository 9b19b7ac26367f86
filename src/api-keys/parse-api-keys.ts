/**
 * Parses the entries of `API_KEYS` and of `API_KEYS_FILE`. An entry is a plain API key with every scope, or
 * `name=scope+scope=key`, or `name=scope+scope@tenant=key`. `sha256:` and a hash may replace the key. A problem never
 * quotes the entry, because any part of it may be a key.
 */
import { isTenant, TENANT_FORM } from '../model/tenant.js'
import { type ApiKey, hashKey, isScope, scopes } from './api-key.js'

/** The valid API keys, and the problems of the other entries. */
export interface ParsedApiKeys {
  keys: ApiKey[]
  problems: string[]
}

/**
 * Plain keys in Base64 don't match this: Base64 has `=` only at its end, so only another `=`, or nothing, follows the
 * second `=`.
 */
const extended = /^([A-Za-z][\w.-]{0,63})=([A-Za-z]+(?:\+[A-Za-z]+)*)(?:@([^=]*))?=(?!=*$)(.*)$/
const withoutKey = /^[A-Za-z][\w.-]{0,63}=([A-Za-z]+(?:\+[A-Za-z]+)*)(?:@[^=]*)?=$/

/** A header carries these characters unchanged (RFC 9110 §5.5). */
const sendable = /^[\x20-\x7e]+$/

const HASH_PREFIX = 'sha256:'
const SCOPES = `${scopes.slice(0, -1).join(', ')} and ${scopes.at(-1)}`

/**
 * @param entries the place of each, such as `API_KEYS#2`, and its text
 * @param minLength of an API key; a hash reveals nothing about the length of its key
 */
export function parseApiKeys(entries: [place: string, text: string][], minLength = 1): ParsedApiKeys {
  const keys: ApiKey[] = []
  const problems: string[] = []
  for (const [place, text] of entries) {
    const read = parseApiKey(place, text, minLength)
    if (typeof read === 'string') problems.push(`${place} ${read}`)
    else keys.push(read)
  }
  return { keys, problems }
}

/** @returns a problem for each name or key shared by two entries, because one of the two is a mistake */
export function findRepeats(keys: ApiKey[]): string[] {
  return keys.flatMap((key, index) => {
    const before = keys.slice(0, index)
    const sameName = before.find(({ name }) => name !== undefined && name === key.name)
    const sameKey = before.find(({ hash }) => hash.equals(key.hash))
    return [
      ...(sameName ? [`${key.place} has the same name as ${sameName.place}`] : []),
      ...(sameKey ? [`${key.place} has the same key as ${sameKey.place}`] : []),
    ]
  })
}

/** @returns the API key, or the problem of the entry */
function parseApiKey(place: string, text: string, minLength: number): ApiKey | string {
  const [, name, names = '', tenant = null, key = text] = extended.exec(text) ?? []
  const scopeNames = name === undefined ? [...scopes] : names.split('+')
  if (!scopeNames.every(isScope)) {
    return `names a scope that there is not: there are ${SCOPES}, and a plain key of this form is written name=${scopes.join('+')}=key`
  }
  if (tenant !== null && !isTenant(tenant)) return `names a tenant that can't be: it has ${TENANT_FORM}`
  if (withoutKey.exec(text)?.[1]?.split('+').every(isScope)) return 'has a name and scopes, and no key'
  if (!sendable.test(key)) {
    return 'has a character that no header can carry: a key is made of letters, digits and other printable ASCII'
  }
  if (key.length < minLength) {
    return `has a key of ${key.length} characters: production needs at least ${minLength}, such as \`openssl rand -hex 16\` prints`
  }
  const hash = key.startsWith(HASH_PREFIX) ? readHash(key.slice(HASH_PREFIX.length)) : hashKey(key)
  if (hash === undefined) return `must have 64 hexadecimal digits after ${HASH_PREFIX}`
  return { name, place, scopes: new Set(scopeNames), tenant, hash }
}

function readHash(hex: string): Buffer | undefined {
  return /^[\da-f]{64}$/i.test(hex) ? Buffer.from(hex, 'hex') : undefined
}
