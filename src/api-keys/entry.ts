/**
 * Entries of `API_KEYS` and of the file: a plain key, which may do everything, or `name=scope+scope=key`. In place
 * of the key there may be `sha256:` and its hash. No problem that is told here repeats any of what was given,
 * for any of it may be a key.
 */
import { type ApiKey, hashKey, isScope, scopes } from './api-key.js'

/** Keys that were found right, and what is wrong with the others. */
export interface ReadKeys {
  keys: ApiKey[]
  problems: string[]
}

/**
 * Base64 has no `=` but at its end, so the plain keys that people have are not of this form: behind the second
 * `=` of such a key there is nothing, or another `=`.
 */
const extended = /^([A-Za-z][\w.-]{0,63})=([A-Za-z]+(?:\+[A-Za-z]+)*)=(?!=*$)(.*)$/
const withoutKey = /^[A-Za-z][\w.-]{0,63}=([A-Za-z]+(?:\+[A-Za-z]+)*)=$/

/** What a header can carry so that the service gets it as it was meant (RFC 9110 §5.5). */
const sendable = /^[\x20-\x7e]+$/

const HASH_PREFIX = 'sha256:'
const SCOPES = `${scopes.slice(0, -1).join(', ')} and ${scopes.at(-1)}`

/**
 * @param entries what each says, by the place where a person finds it
 * @param minLength of an API key; a hash tells nothing of the length of its key
 */
export function readEntries(entries: [place: string, text: string][], minLength = 1): ReadKeys {
  const keys: ApiKey[] = []
  const problems: string[] = []
  for (const [place, text] of entries) {
    const read = readEntry(place, text, minLength)
    if (typeof read === 'string') problems.push(`${place} ${read}`)
    else keys.push(read)
  }
  return { keys, problems }
}

/** What says of two entries that one of them is a mistake. */
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

/** A key, or what is wrong. */
function readEntry(place: string, text: string, minLength: number): ApiKey | string {
  const [, name, names = '', key = text] = extended.exec(text) ?? []
  const asked = name === undefined ? [...scopes] : names.split('+')
  if (!asked.every(isScope)) {
    return `names a scope that there is not: there are ${SCOPES}, and a plain key of this form is written name=${scopes.join('+')}=key`
  }
  if (withoutKey.exec(text)?.[1]?.split('+').every(isScope)) return 'has a name and scopes, and no key'
  if (!sendable.test(key)) {
    return 'has a character that no header can carry: a key is made of letters, digits and other printable ASCII'
  }
  if (key.length < minLength) {
    return `has a key of ${key.length} characters: production needs at least ${minLength}, such as \`openssl rand -hex 16\` prints`
  }
  const hash = key.startsWith(HASH_PREFIX) ? readHash(key.slice(HASH_PREFIX.length)) : hashKey(key)
  if (hash === undefined) return `must have 64 hexadecimal digits after ${HASH_PREFIX}`
  return { name, place, scopes: new Set(asked), hash }
}

function readHash(hex: string): Buffer | undefined {
  return /^[\da-f]{64}$/i.test(hex) ? Buffer.from(hex, 'hex') : undefined
}
