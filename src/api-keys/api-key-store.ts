/**
 * Holds the valid API keys. The store reads the key file again when the file changes. If it can't read the file, or the
 * file is wrong, it keeps the old keys and reports the problem once.
 */
import { timingSafeEqual } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { type ApiKey, hashKey, isSameKey } from './api-key.js'
import { type ApiKeySources, readApiKeySources } from './read-api-keys.js'

export interface ApiKeyStore extends AsyncDisposable {
  /**
   * Compares with every API key, by hashes of one length, so the time of a look-up reveals nothing about the keys.
   */
  find(key: string): ApiKey | undefined
  all(): readonly ApiKey[]
  /** Calls `act` once when the key is removed or changed. @returns a function to cancel this */
  onRemoved(key: ApiKey, act: () => void): () => void
}

export interface ApiKeyStoreOptions extends ApiKeySources {
  /** Called once for each wrong version of the file. */
  onError(error: Error): void
  /** The interval between two checks of the file. */
  lookEveryMs?: number
}

/** The caller must have validated the sources before. @throws Error when they are no longer valid */
export function createApiKeyStore({
  onError,
  lookEveryMs = 2000,
  ...sources
}: ApiKeyStoreOptions): ApiKeyStore {
  let keys = readNow(sources)
  const watchers = new Map<ApiKey, Set<() => void>>()
  // The first check follows the first read. So a change between the two is read twice, but never missed.
  let seen: string | undefined
  let isLooking = false

  async function look(file: string): Promise<void> {
    if (isLooking) return
    isLooking = true
    const state = await stateOf(file)
    isLooking = false
    if (state === seen) return
    seen = state
    try {
      replace(readNow(sources))
    } catch (error) {
      onError(error as Error)
    }
  }

  /** An unchanged key keeps its object, so that its watchers and its uses stay known. */
  function replace(read: ApiKey[]): void {
    const before = keys
    keys = read.map((key) => before.find((held) => isSameKey(held, key)) ?? key)
    for (const key of before) {
      if (keys.includes(key)) continue
      const acts = watchers.get(key) ?? []
      watchers.delete(key)
      for (const act of acts) act()
    }
  }

  const { file } = sources
  const timer = file === undefined ? undefined : setInterval(() => void look(file), lookEveryMs).unref()

  return {
    find(key) {
      const given = hashKey(key)
      let found: ApiKey | undefined
      for (const known of keys) if (timingSafeEqual(known.hash, given)) found = known
      return found
    },
    all: () => keys,
    onRemoved(key, act) {
      const acts = watchers.get(key) ?? new Set()
      watchers.set(key, acts.add(act))
      return () => {
        acts.delete(act)
        if (acts.size === 0 && watchers.get(key) === acts) watchers.delete(key)
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
    },
  }
}

function readNow(sources: ApiKeySources): ApiKey[] {
  const { keys, problems } = readApiKeySources(sources)
  if (problems.length > 0) throw new Error(`The keys stay as they were: ${problems.join('; ')}.`)
  return keys
}

/** @returns a text; it changes when the file is written, replaced or removed */
async function stateOf(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(
    ({ ino, mtimeNs, size }) => `${ino} ${mtimeNs} ${size}`,
    (error: NodeJS.ErrnoException) => `${error.code}`,
  )
}
