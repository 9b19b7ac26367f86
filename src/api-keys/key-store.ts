/**
 * The keys that open the service at this moment. Where they come from a file, it is read again when it changes;
 * one that can't be read, or is wrong, changes nothing and is told of once.
 */
import { timingSafeEqual } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { type ApiKey, hashKey, isSameKey } from './api-key.js'
import { type KeySources, readSources } from './sources.js'

export interface KeyStore extends AsyncDisposable {
  /**
   * Whose key this is, if anybody's. Every key is compared, by hashes of one length, in a time that tells
   * neither how much of a guess was right nor which key it came near to.
   */
  find(key: string): ApiKey | undefined
  /** Calls back once when the key is taken away or changed. Returns what calls it off. */
  onRemoved(key: ApiKey, act: () => void): () => void
}

export interface KeyStoreOptions extends KeySources {
  /** Told of a file that is wrong, once for each time that it was written. */
  onError(error: Error): void
  /** How often the file is looked at. */
  lookEveryMs?: number
}

/** The sources must have been found right before. @throws Error when they no longer are */
export function createKeyStore({ onError, lookEveryMs = 2000, ...sources }: KeyStoreOptions): KeyStore {
  let keys = readNow(sources)
  const watchers = new Map<ApiKey, Set<() => void>>()
  // Looked at for the first time after it was read: what is written in between is read twice, and not missed.
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

  /** A key that says the same as before stays the one that it was. */
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

function readNow(sources: KeySources): ApiKey[] {
  const { keys, problems } = readSources(sources)
  if (problems.length > 0) throw new Error(`The keys stay as they were: ${problems.join('; ')}.`)
  return keys
}

/** Differs when the file was written or replaced, and when it is gone. */
async function stateOf(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(
    ({ ino, mtimeNs, size }) => `${ino} ${mtimeNs} ${size}`,
    (error: NodeJS.ErrnoException) => `${error.code}`,
  )
}
