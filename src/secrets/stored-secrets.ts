/**
 * At its start a process checks the secrets in the database. It refuses to run without the keys to decrypt them. It
 * encrypts each plain secret, and each secret under an older key, with the first key.
 *
 * Several processes may do this at once, and others may change secrets meanwhile. A process writes a row only if the
 * row still holds the values it read, so a change in between stays.
 */
import type { Logger } from 'pino'
import { ExpectedStartError } from '../errors.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { SEALED_PREFIX, type SecretCipher, UnreadableSecretError } from './cipher.js'
import {
  openAuthSecret,
  openHeaders,
  openPrivateKey,
  type StoredHeaders,
  sealAuthSecret,
  sealHeaders,
  sealPrivateKey,
} from './credentials.js'
import type { StoredKeyPair } from './key-pairs.js'
import { type StoredSecrets, sqlStoredSecrets } from './valid-secrets.js'

/** SQL: the former secrets of the subscription `s`, as a table. */
const sqlFormerSecrets = (s: string, columns = 'secret text, "validUntil" timestamptz'): string =>
  `jsonb_to_recordset(${s}."formerSecrets") as former (${columns})`

/** SQL: the key pairs of the subscription `s`, as a table. */
const sqlKeyPairs = (s: string): string =>
  `jsonb_to_recordset(${s}."keyPairs") as pair ("privateKey" text, "validUntil" timestamptz)`

/** SQL: the values of the secret headers of the subscription `s`, as a table. */
const sqlSecretHeaders = (s: string): string =>
  `jsonb_each_text(${s}."secretHeaders") as header (name, value)`

/** SQL: a column of JSON without the values whose time is over. */
const sqlStillValid = (column: string): string => `(
          select coalesce(jsonb_agg(each order by place), '[]')
          from jsonb_array_elements(${column}) with ordinality as all_of_them (each, place)
          where coalesce((each ->> 'validUntil')::timestamptz > now(), true)
        )`

/** `$1` the prefix of encrypted secrets, `$2` key ids. Former secrets count while they sign. */
const countByForeignKey: Statement = {
  name: 'count-secrets-by-foreign-key',
  text: `
    select split_part(stored, ':', 3) as "keyId", count(distinct s.id)::int as count
    from subscriptions s
    cross join lateral (
      select s.secret
      union all
      select s."previousSecret" where s."previousSecretUntil" > now()
      union all
      select secret from ${sqlFormerSecrets('s')} where "validUntil" > now()
      union all
      select "privateKey" from ${sqlKeyPairs('s')} where coalesce("validUntil" > now(), true)
      union all
      select value from ${sqlSecretHeaders('s')}
      union all
      select s.auth ->> 'secret'
      union all
      select s."clientCertificate" ->> 'privateKey'
    ) as used (stored)
    where starts_with(stored, $1) and split_part(stored, ':', 3) <> all ($2::text[])
    group by 1 order by 1`,
}

interface CountByForeignKeyRow {
  keyId: string
  count: number
}

const forgetExpired: Statement = {
  name: 'forget-expired-secrets',
  text: `
    update subscriptions s
    set "formerSecrets" = ${sqlStillValid('s."formerSecrets"')},
        "keyPairs" = ${sqlStillValid('s."keyPairs"')},
        "previousSecret" = case when "previousSecretUntil" > now() then "previousSecret" end,
        "previousSecretUntil" = case when "previousSecretUntil" > now() then "previousSecretUntil" end
    where "previousSecretUntil" <= now()
       or exists (select from ${sqlFormerSecrets('s')} where "validUntil" <= now())
       or exists (select from ${sqlKeyPairs('s')} where "validUntil" <= now())`,
}

/** `$1` the id to go on after, `$2` the prefix of secrets encrypted with the first key, `$3` the limit. */
const findOutdated: Statement = {
  name: 'find-outdated-secrets',
  text: `
    select s.id, ${sqlStoredSecrets('s')}, s."keyPairs", s."secretHeaders", s.auth, s."clientCertificate"
    from subscriptions s
    where s.id > $1 and (
      s.secret <> '' and not starts_with(s.secret, $2) or not starts_with(s."previousSecret", $2)
      or exists (select from ${sqlFormerSecrets('s', 'secret text')} where not starts_with(secret, $2))
      or exists (select from ${sqlKeyPairs('s')} where not starts_with("privateKey", $2))
      or exists (select from ${sqlSecretHeaders('s')} where not starts_with(value, $2))
      or not starts_with(s.auth ->> 'secret', $2)
      or not starts_with(s."clientCertificate" ->> 'privateKey', $2)
    )
    order by s.id limit $3`,
}

type FindOutdatedRow = StoredSecrets & {
  id: string
  keyPairs: StoredKeyPair[]
  secretHeaders: StoredHeaders | null
  auth: { secret: string } | null
  clientCertificate: { privateKey: string } | null
}

/**
 * `$1` ids; `$2` to `$8` the values read; `$9` to `$15` their replacements. The caller passes the ids in order, so two
 * processes can't block each other.
 */
const replaceStoredSecrets: Statement = {
  name: 'replace-stored-secrets',
  text: `
    update subscriptions s
    set secret = r.secret, "previousSecret" = r."previousSecret", "formerSecrets" = r."formerSecrets",
        "keyPairs" = r."keyPairs", "secretHeaders" = r."secretHeaders", auth = r.auth, "clientCertificate" = r."clientCertificate"
    from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::jsonb[], $7::jsonb[], $8::jsonb[],
        $9::text[], $10::text[], $11::jsonb[], $12::jsonb[], $13::jsonb[], $14::jsonb[], $15::jsonb[]
      ) as r (
        id, "oldSecret", "oldPreviousSecret", "oldFormerSecrets", "oldKeyPairs", "oldSecretHeaders", "oldAuth",
        "oldClientCertificate",
        secret, "previousSecret", "formerSecrets", "keyPairs", "secretHeaders", auth, "clientCertificate"
      )
    where s.id = r.id and s.secret = r."oldSecret"
      and s."previousSecret" is not distinct from r."oldPreviousSecret"
      and s."formerSecrets" = r."oldFormerSecrets"
      and s."keyPairs" = r."oldKeyPairs"
      and s."secretHeaders" is not distinct from r."oldSecretHeaders"
      and s.auth is not distinct from r."oldAuth"
      and s."clientCertificate" is not distinct from r."oldClientCertificate"
    returning s.id`,
}

const BATCH_SIZE = 500
const BEFORE_ALL_IDS = '00000000-0000-0000-0000-000000000000'

/** @throws ExpectedStartError when the key of a stored secret is missing */
export async function prepareStoredSecrets(
  database: Database,
  cipher: SecretCipher,
  logger: Logger,
  batchSize: number = BATCH_SIZE,
): Promise<void> {
  await requireKeys(database, cipher)
  if (cipher.currentPrefix === undefined) return
  await database.query(forgetExpired, [])

  let count = 0
  let after = BEFORE_ALL_IDS
  for (;;) {
    const rows = await database.query<FindOutdatedRow>(findOutdated, [after, cipher.currentPrefix, batchSize])
    const last = rows.at(-1)
    if (last === undefined) break
    count += await reseal(database, cipher, rows, logger)
    after = last.id
  }
  if (count > 0) logger.info({ count, keyId: cipher.keyIds[0] }, 'encrypted stored secrets')
}

async function requireKeys(database: Database, cipher: SecretCipher): Promise<void> {
  const lacking = await database.query<CountByForeignKeyRow>(countByForeignKey, [
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

/** @returns how many rows were written */
async function reseal(
  database: Database,
  cipher: SecretCipher,
  rows: FindOutdatedRow[],
  logger: Logger,
): Promise<number> {
  const read: FindOutdatedRow[] = []
  const renewed: FindOutdatedRow[] = []
  for (const row of rows) {
    try {
      renewed.push(encryptAnew(cipher, row))
      read.push(row)
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error
      // One damaged row must not keep this process from encrypting the others.
      logger.error({ subscriptionId: row.id }, error.message)
    }
  }
  const written = await database.query(replaceStoredSecrets, [
    read.map(({ id }) => id),
    ...columnsOf(read),
    ...columnsOf(renewed),
  ])
  return written.length
}

const columnsOf = (rows: FindOutdatedRow[]) => [
  rows.map(({ secret }) => secret),
  rows.map(({ previousSecret }) => previousSecret),
  rows.map(({ formerSecrets }) => JSON.stringify(formerSecrets)),
  rows.map(({ keyPairs }) => JSON.stringify(keyPairs)),
  rows.map(({ secretHeaders }) => secretHeaders && JSON.stringify(secretHeaders)),
  rows.map(({ auth }) => auth && JSON.stringify(auth)),
  rows.map(({ clientCertificate }) => clientCertificate && JSON.stringify(clientCertificate)),
]

/** @throws UnreadableSecretError */
function encryptAnew(cipher: SecretCipher, row: FindOutdatedRow): FindOutdatedRow {
  /** By the old text: `previousSecret` repeats the text of a former secret, and must repeat its new text too. */
  const renewed = new Map<string, string>()
  const again = (stored: string): string => {
    // A deleted subscription has no secret.
    if (stored === '') return stored
    const text = renewed.get(stored) ?? cipher.seal(row.id, cipher.open(row.id, stored))
    renewed.set(stored, text)
    return text
  }
  return {
    ...row,
    secret: again(row.secret),
    previousSecret: row.previousSecret && again(row.previousSecret),
    formerSecrets: row.formerSecrets.map((former) => ({ ...former, secret: again(former.secret) })),
    keyPairs: row.keyPairs.map((pair) => ({ ...pair, privateKey: again(pair.privateKey) })),
    secretHeaders:
      row.secretHeaders && sealHeaders(cipher, row.id, openHeaders(cipher, row.id, row.secretHeaders)),
    auth: row.auth && {
      ...row.auth,
      secret: sealAuthSecret(cipher, row.id, openAuthSecret(cipher, row.id, row.auth.secret)),
    },
    clientCertificate: row.clientCertificate && {
      ...row.clientCertificate,
      privateKey: sealPrivateKey(
        cipher,
        row.id,
        openPrivateKey(cipher, row.id, row.clientCertificate.privateKey),
      ),
    },
  }
}
