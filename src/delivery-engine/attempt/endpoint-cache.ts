/**
 * Endpoints: where the deliveries of a subscription go and what they are signed with, kept in memory.
 *
 * Nothing needs to be invalidated: whoever asks names the version of the row that it has seen, and one that is kept
 * in another version is read again.
 */
import { createBatcher } from '../../platform/batcher.js'
import type { Clock } from '../../platform/clock.js'
import type { Database } from '../../platform/postgres/database.js'
import type { SigningKeys } from '../../secrets/signing-keys.js'

export interface Endpoint {
  isEnabled: boolean
  endpointUrl: string
  /** The keys of the secrets that are valid at this moment, the newest first. @throws UnreadableSecretError */
  keys(): readonly Uint8Array[]
}

export interface Endpoints {
  /** Answers at once with what is kept. `undefined` when there is no such subscription. */
  find(subscriptionId: string, version: string): Endpoint | Promise<Endpoint | undefined>
}

/** `xmin` is the transaction that wrote this version of the row: PostgreSQL changes it with every update. */
const load = {
  name: 'load-endpoints',
  text: `
    select id, xmin::text as version, "isEnabled", "endpointUrl", secret, "previousSecret", "previousSecretUntil"
    from subscriptions where id = any($1::uuid[])`,
}

interface Row {
  id: string
  version: string
  isEnabled: boolean
  endpointUrl: string
  secret: string
  previousSecret: string | null
  previousSecretUntil: Date | null
}

const MAX_KEPT = 10_000
const MAX_BATCH = 200

export function createEndpoints(database: Database, signingKey: SigningKeys, clock: Clock): Endpoints {
  const kept = new Map<string, { version: string; endpoint: Endpoint }>()
  const reads = createBatcher<string, Endpoint | undefined>({
    maxSize: MAX_BATCH,
    maxConcurrent: 1,
    async run(ids) {
      const rows = await database.query<Row>(load, [ids])
      if (kept.size + rows.length > MAX_KEPT) kept.clear()
      for (const row of rows)
        kept.set(row.id, { version: row.version, endpoint: toEndpoint(row, signingKey, clock) })
      return ids.map((id) => kept.get(id)?.endpoint)
    },
  })
  return {
    find(subscriptionId, version) {
      const known = kept.get(subscriptionId)
      return known?.version === version ? known.endpoint : reads.add(subscriptionId)
    },
  }
}

function toEndpoint(row: Row, signingKey: SigningKeys, clock: Clock): Endpoint {
  const { id, isEnabled, endpointUrl, secret, previousSecret, previousSecretUntil } = row
  const untilMs = previousSecretUntil?.getTime() ?? 0
  return {
    ...{ isEnabled, endpointUrl },
    keys: () =>
      previousSecret !== null && clock.nowMs() < untilMs
        ? [signingKey(id, secret), signingKey(id, previousSecret)]
        : [signingKey(id, secret)],
  }
}
