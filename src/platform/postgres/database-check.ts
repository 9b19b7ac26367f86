/** Checks whether the service can work on a PostgreSQL, and says what to do if it can't. */

import type { ConnectProblem } from './connect-errors.js'
import type { ConnectionNeed } from './connection-budget.js'
import type { ConnectionLimit, DatabaseFacts } from './database-facts.js'

/** https://www.postgresql.org/support/versioning/ */
const LEAST_VERSION = 140_000

/**
 * Returns the first problem, if there is one.
 *
 * @param connections the fewest that are needed
 */
export function findProblem(facts: DatabaseFacts, connections: number): ConnectProblem | undefined {
  const { versionNumber, version, encoding, database, isStandby, isReadOnly, isDirect, limits } = facts
  if (versionNumber < LEAST_VERSION)
    return lasting(`PostgreSQL ${version} is too old: Node Event Service needs 14 or newer.`)
  if (encoding !== 'UTF8') {
    const create = `create database … encoding 'UTF8' template template0`
    return lasting(
      `The database "${database}" has the encoding ${encoding}, and Node Event Service needs UTF8. Make another one: ${create}`,
    )
  }
  if (isStandby)
    return passing(
      `The database "${database}" is on a standby, which can only be read. Name the primary in DATABASE_URL.`,
    )
  if (isReadOnly) return passing(`The database "${database}" is read-only.`)
  // With a pooler, the pooler limits the number of connections.
  return isDirect ? findLack(facts, limits, connections) : undefined
}

/** How many connections each process may open. */
export function connectionsPerProcess(
  { isDirect, limits }: DatabaseFacts,
  need: ConnectionNeed,
  processes: number,
): number {
  if (!isDirect) return need.full
  return Math.min(need.full, ...limits.map(({ most }) => Math.floor(most / processes)))
}

function findLack(
  facts: DatabaseFacts,
  limits: ConnectionLimit[],
  needed: number,
): ConnectProblem | undefined {
  const needs = `Node Event Service needs ${needed} of them at least`
  for (const { kind, most } of limits) {
    if (most < needed)
      return lasting(`${holder(kind, facts)} may have ${most} connection(s), and ${needs}. ${remedies[kind]}`)
  }
  for (const { kind, most, inUse } of limits) {
    if (most - inUse < needed)
      return passing(
        `${holder(kind, facts)} may have ${most} connection(s), of which others use ${inUse}, and ${needs}. ${remedies[kind]}`,
      )
  }
  return undefined
}

const holder = (kind: ConnectionLimit['kind'], { user, database }: DatabaseFacts): string =>
  ({ role: `User "${user}"`, database: `The database "${database}"`, server: 'PostgreSQL' })[kind]

const remedies: Record<ConnectionLimit['kind'], string> = {
  role: 'Raise it by: alter role … connection limit …',
  database: 'Raise it by: alter database … connection limit …',
  server: 'Raise max_connections, or run fewer PROCESSES.',
}

const lasting = (sentence: string): ConnectProblem => ({ sentence, isPassing: false })
const passing = (sentence: string): ConnectProblem => ({ sentence, isPassing: true })
