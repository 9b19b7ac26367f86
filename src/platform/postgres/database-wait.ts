/** Waits for a usable PostgreSQL. It may start after the service, be failing over, or have no free connection. */
import { setTimeout as pause } from 'node:timers/promises'
import { ExpectedStartError } from '../../errors.js'
import { type ConnectProblem, explainConnectError } from './connect-errors.js'
import type { ConnectionNeed } from './connection-budget.js'
import { connectionsPerProcess, findProblem } from './database-check.js'
import { type DatabaseFacts, prepareVisit } from './database-facts.js'
import { parsePostgresUrl } from './url.js'

/** How many connections the processes of a service need. */
export interface ConnectionDemand {
  /** For each process. */
  need: ConnectionNeed
  /** How many processes share the limit. */
  processes: number
  /** How many of them have not opened their connections yet. */
  opening: number
}

export interface WaitOptions {
  /** When to give up, by `performance.now()`. */
  untilMs: number
  signal: AbortSignal
  /** Called with the reason of the wait, when it changes. */
  onWait(sentence: string): void
}

const TRY_AGAIN_AFTER_MS = 500
/** For one try. A server that does not answer may be starting. */
const PATIENCE_MS = 5000
const LEAST_PATIENCE_MS = 1000

/**
 * @returns how many connections each process may open, which may be fewer than it needs
 * @throws ExpectedStartError with the problem, at once when waiting can't help; the signal's reason
 */
export async function waitForDatabase(
  databaseUrl: string,
  demand: ConnectionDemand,
  { untilMs, signal, onWait }: WaitOptions,
): Promise<number> {
  for (let told: string | undefined; ; ) {
    const leftMs = untilMs - performance.now()
    const found = await visitHosts(databaseUrl, demand, Math.min(PATIENCE_MS, leftMs), signal)
    if (!('sentence' in found)) return connectionsPerProcess(found, demand.need, demand.processes)
    if (!found.isPassing || leftMs <= TRY_AGAIN_AFTER_MS) {
      throw new ExpectedStartError(`Node Event Service can't start: ${found.sentence}`)
    }
    if (told !== found.sentence)
      onWait(`Waiting for PostgreSQL, ${Math.ceil(leftMs / 1000)} s at most. ${found.sentence}`)
    told = found.sentence
    await pause(TRY_AGAIN_AFTER_MS, undefined, { signal })
  }
}

/** @returns the facts of the first usable host; else the problems of all hosts, passing if one of them is */
async function visitHosts(
  databaseUrl: string,
  demand: ConnectionDemand,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DatabaseFacts | ConnectProblem> {
  const { urls } = parsePostgresUrl(databaseUrl)
  const problems: ConnectProblem[] = []
  for (const url of urls) {
    signal.throwIfAborted()
    const found = await visit(url, demand, Math.max(LEAST_PATIENCE_MS, timeoutMs / urls.length), signal)
    if (!('sentence' in found)) return found
    problems.push(found)
  }
  return {
    sentence: [...new Set(problems.map(({ sentence }) => sentence))].join(' '),
    isPassing: problems.some(({ isPassing }) => isPassing),
  }
}

async function visit(
  hostUrl: string,
  { need, opening }: ConnectionDemand,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DatabaseFacts | ConnectProblem> {
  const { place, look } = prepareVisit(hostUrl)
  try {
    const facts = await look(timeoutMs, signal)
    return findProblem(facts, need.least * opening) ?? facts
  } catch (error) {
    signal.throwIfAborted()
    return explainConnectError(error as Error, place)
  }
}
