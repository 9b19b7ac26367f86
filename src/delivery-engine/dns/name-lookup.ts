/**
 * Looks up the addresses of endpoints' names, so that a name without an answer holds up only its own deliveries.
 *
 * `dns.lookup` can't do that: each call blocks one of libuv's few threads until the system gives up, and four names
 * without an answer then stop all others. Here a look-up ends after a few seconds, a name is looked up once for all
 * deliveries that wait for it, and failures are remembered. Answers are kept for their TTL.
 *
 * As with `dns.lookup`, `/etc/hosts` goes before DNS, and the `search` domains of `/etc/resolv.conf` count.
 */
import type { LookupAddress } from 'node:dns'
import { setTimeout as pause } from 'node:timers/promises'
import { queryAddresses } from './dns-query.js'
import { openHostsFile } from './hosts-file.js'
import { NameLookupError, NO_ANSWER, NOT_FOUND } from './name-lookup-error.js'
import { candidateNames, openResolvConf } from './resolv-conf.js'

export interface NameLookup extends AsyncDisposable {
  /**
   * The addresses of a name, at least one. They are not checked by the egress guard.
   * @throws NameLookupError, or the signal's reason
   */
  find(hostname: string, signal: AbortSignal): Promise<LookupAddress[]>
}

export interface NameLookupOptions {
  hostsFile?: string
  resolvConf?: string
  /** `address:port` of name servers; those of the system unless given. */
  servers?: string[]
  /** Of one look-up, with all search domains. */
  timeoutMs?: number
}

const TIMEOUT_MS = 5000
const MAX_TTL_MS = 300_000
const NOT_FOUND_REMEMBERED_MS = 5000
/** A failed look-up is remembered for twice as long as it took, or as the failure before it, within these. */
const MIN_FAILURE_REMEMBERED_MS = 1000
const MAX_FAILURE_REMEMBERED_MS = 30_000
const MAX_REMEMBERED = 10_000
/**
 * A failure from memory takes this long, on average. Otherwise the backlog of a dead name would fail as fast as the
 * CPU allows, again and again.
 */
const REPEATED_FAILURE_MS = 3000

/** RFC 6761 §6.3: names of loopback, whatever DNS says. */
const isLoopbackName = (name: string) => name === 'localhost' || name.endsWith('.localhost')
const LOOPBACK: LookupAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
]

interface Result {
  answer: LookupAddress[] | NameLookupError
  rememberedMs: number
  /** By `performance.now()`. */
  until: number
}

interface LookupUnderWay {
  result: Promise<Result>
  end: AbortController
  waiting: number
}

export function createNameLookup(options: NameLookupOptions = {}): NameLookup {
  const {
    hostsFile = '/etc/hosts',
    resolvConf = '/etc/resolv.conf',
    servers,
    timeoutMs = TIMEOUT_MS,
  } = options
  const hosts = openHostsFile(hostsFile)
  const resolver = openResolvConf(resolvConf)
  const remembered = new Map<string, Result>()
  const underWay = new Map<string, LookupUnderWay>()

  async function lookUp(name: string, signal: AbortSignal): Promise<Result> {
    const startedAt = performance.now()
    try {
      const { addresses, ttlMs } = await queryCandidates(name, signal)
      return remember(name, addresses, Math.min(ttlMs, MAX_TTL_MS))
    } catch (error) {
      const failure = error instanceof NameLookupError ? error : new NameLookupError(NO_ANSWER, name)
      if (failure.code === NOT_FOUND) return remember(name, failure, NOT_FOUND_REMEMBERED_MS)
      return remember(name, failure, failureRememberedMs(name, performance.now() - startedAt))
    }
  }

  function failureRememberedMs(name: string, tookMs: number): number {
    const before = remembered.get(name)
    const beforeMs = before?.answer instanceof NameLookupError ? before.rememberedMs : 0
    const ms = Math.max(MIN_FAILURE_REMEMBERED_MS, 2 * tookMs, 2 * beforeMs)
    return Math.min(ms, MAX_FAILURE_REMEMBERED_MS)
  }

  /**
   * The first candidate with addresses. Other domains are asked only where a domain's servers said that it has
   * none.
   */
  async function queryCandidates(name: string, signal: AbortSignal) {
    let failure = new NameLookupError(NOT_FOUND, name)
    for (const candidate of candidateNames(name, resolver())) {
      try {
        return await queryAddresses(candidate, signal, servers)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof NameLookupError) || error.code === NO_ANSWER) throw error
        if (error.code !== NOT_FOUND) failure = error
      }
    }
    throw failure
  }

  function remember(name: string, answer: Result['answer'], rememberedMs: number): Result {
    const result = { answer, rememberedMs, until: performance.now() + rememberedMs }
    remembered.delete(name)
    const [oldest] = remembered.keys()
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    remembered.set(name, result)
    return result
  }

  /** One look-up for all who wait for the name. It is cancelled when the last of them gives up. */
  function share(name: string): LookupUnderWay {
    const known = underWay.get(name)
    if (known !== undefined) return known
    const end = new AbortController()
    const timer = setTimeout(() => end.abort(), timeoutMs)
    const result = lookUp(name, end.signal).finally(() => {
      clearTimeout(timer)
      underWay.delete(name)
    })
    const lookup = { result, end, waiting: 0 }
    underWay.set(name, lookup)
    return lookup
  }

  function waitFor(lookup: LookupUnderWay, signal: AbortSignal): Promise<Result> {
    lookup.waiting += 1
    return new Promise((resolve, reject) => {
      const stopWaiting = () => {
        signal.removeEventListener('abort', stopWaiting)
        lookup.waiting -= 1
        if (lookup.waiting === 0) lookup.end.abort()
        reject(signal.reason)
      }
      signal.addEventListener('abort', stopWaiting)
      void lookup.result.then((result) => {
        resolve(result)
        stopWaiting()
      })
    })
  }

  return {
    async find(hostname, signal) {
      signal.throwIfAborted()
      const name = hostname.toLowerCase()
      const local = hosts(name) ?? (isLoopbackName(name.replace(/\.$/, '')) ? LOOPBACK : undefined)
      if (local !== undefined) return local
      const known = remembered.get(name)
      const isFresh = known !== undefined && known.until > performance.now()
      const { answer } = isFresh ? known : await waitFor(share(name), signal)
      if (!(answer instanceof NameLookupError)) return answer
      if (isFresh) await repeatedFailure(signal)
      throw answer
    },
    async [Symbol.asyncDispose]() {
      const ended = [...underWay.values()].map(({ end, result }) => {
        end.abort()
        return result
      })
      await Promise.all(ended)
    },
  }
}

async function repeatedFailure(signal: AbortSignal): Promise<void> {
  const ms = REPEATED_FAILURE_MS * (0.7 + 0.6 * Math.random())
  await pause(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
}
