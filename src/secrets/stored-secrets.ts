/**
 * What a start does about the secrets in the database: it refuses keys that can't open them, and seals with the first
 * key whatever is plain or sealed with an older one, so many at a time.
 *
 * Any number of processes may do so at once, beside others that change secrets: a row is only written while it holds
 * what was read from it, so a change that came in between stays.
 */
import type { Logger } from 'pino'
import { ExpectedStartError } from '../errors.js'
import type { Database } from '../platform/postgres/database.js'
import { SEALED_PREFIX, type SecretCipher, UnreadableSecretError } from './cipher.js'

/** `previousSecret` while it signs: what has run out is nobody's loss. */
const countByForeignKey = {
  name: 'count-secrets-by-foreign-key',
  text: `
    select split_part(stored, ':', 3) as "keyId", count(distinct s.id)::int as count
    from subscriptions s
    cross join lateral (
      values (s.secret), (case when s."previousSecretUntil" > now() then s."previousSecret" end)
    ) as both_secrets (stored)
    where starts_with(stored, $1) and split_part(stored, ':', 3) <> all ($2::text[])
    group by 1 order by 1`,
}

const forgetRunOut = {
  name: 'forget-secrets-that-ran-out',
  text: `
    update subscriptions set "previousSecret" = null, "previousSecretUntil" = null
    where "previousSecretUntil" <= now()`,
}

const findOutdated = {
  name: 'find-outdated-secrets',
  text: `
    select id, secret, "previousSecret" from subscriptions
    where id > $1 and (secret <> '' and not starts_with(secret, $2) or not starts_with("previousSecret", $2))
    order by id limit $3`,
}

/** In the order of their ids, so that two processes can't block each other. */
const replace = {
  name: 'replace-stored-secrets',
  text: `
    update subscriptions s set secret = r.secret, "previousSecret" = r."previousSecret"
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
      as r (id, "oldSecret", "oldPreviousSecret", secret, "previousSecret")
    where s.id = r.id and s.secret = r."oldSecret"
      and s."previousSecret" is not distinct from r."oldPreviousSecret"
    returning s.id`,
}

interface Row {
  id: string
  secret: string
  previousSecret: string | null
}

const BATCH_SIZE = 500
const BEFORE_ALL_IDS = '00000000-0000-0000-0000-000000000000'

/** @throws ExpectedStartError when a secret was stored with a key that is not there */
export async function prepareStoredSecrets(
  database: Database,
  cipher: SecretCipher,
  logger: Logger,
  batchSize: number = BATCH_SIZE,
): Promise<void> {
  await requireKeys(database, cipher)
  if (cipher.currentPrefix === undefined) return
  await database.query(forgetRunOut, [])

  let count = 0
  let after = BEFORE_ALL_IDS
  for (;;) {
    const rows = await database.query<Row>(findOutdated, [after, cipher.currentPrefix, batchSize])
    const last = rows.at(-1)
    if (last === undefined) break
    count += await reseal(database, cipher, rows, logger)
    after = last.id
  }
  if (count > 0) logger.info({ count, keyId: cipher.keyIds[0] }, 'encrypted stored secrets')
}

async function requireKeys(database: Database, cipher: SecretCipher): Promise<void> {
  const lacking = await database.query<{ keyId: string; count: number }>(countByForeignKey, [
    SEALED_PREFIX,
    cipher.keyIds,
  ])
  if (lacking.length === 0) return
  const lines = lacking.map(
    ({ keyId, count }) =>
      `  - the secrets of ${count} subscription(s) were stored with a key that SECRET_ENCRYPTION_KEY does not have (${keyId})`,
  )
  throw new ExpectedStartError(
    `Node Event Service can't start:\n${lines.join('\n')}\n` +
      'Add the key at the end of SECRET_ENCRYPTION_KEY. If it is lost, docs/operating/keys-and-secrets.md tells how to go on without it.',
  )
}

/** How many rows were written. */
async function reseal(database: Database, cipher: SecretCipher, rows: Row[], logger: Logger) {
  const renewed = rows.flatMap((row) => {
    const again = (stored: string) => cipher.seal(row.id, cipher.open(row.id, stored))
    try {
      return [
        {
          ...row,
          newSecret: again(row.secret),
          newPrevious: row.previousSecret && again(row.previousSecret),
        },
      ]
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error
      // One row that was damaged must not keep all others from being delivered to.
      logger.error({ subscriptionId: row.id }, error.message)
      return []
    }
  })
  const written = await database.query(replace, [
    renewed.map(({ id }) => id),
    renewed.map(({ secret }) => secret),
    renewed.map(({ previousSecret }) => previousSecret),
    renewed.map(({ newSecret }) => newSecret),
    renewed.map(({ newPrevious }) => newPrevious),
  ])
  return written.length
}
