/** Connects to PostgreSQL, and prepares everything with no other dependency. */
import { DATABASE_MS, OTHER_MS } from '../budgets.js'
import { loadDeliveries } from '../delivery-engine/attempt/loader.js'
import { recordAttempts } from '../delivery-engine/attempt/recorder.js'
import { acceptStatements } from '../events/accept.js'
import { createFilterErrors } from '../filters/filter-errors.js'
import { createMatcher } from '../matching/matcher.js'
import { createDatabaseClock } from '../platform/clock.js'
import { createDatabase } from '../platform/postgres/database.js'
import { readInstallation } from '../platform/postgres/installation.js'
import { createIdSource } from '../platform/uuid.js'
import { createBodyCipher } from '../secrets/body-cipher.js'
import { createSecretCipher } from '../secrets/cipher.js'
import { createSigningKeys } from '../secrets/signing-keys.js'
import { prepareStoredSecrets } from '../secrets/stored-secrets.js'
import type { StartContext } from './context.js'

export type Storage = Awaited<ReturnType<typeof openStorage>>

export async function openStorage({ config, logger, resources, stopSignal, ...context }: StartContext) {
  const { directUrl = config.databaseUrl, pooling = 'none' } = config
  const database = resources.use(
    createDatabase({
      ...{ url: config.databaseUrl, directUrl, pooling, onError: context.reportTrouble('database') },
      ...(config.poolSize !== undefined && { poolSize: config.poolSize }),
    }),
    'connections to the database',
    DATABASE_MS,
  )
  const clock = resources.use(
    await createDatabaseClock({
      database,
      onChange: (state) => void context.serviceEvents.emit('clock', state),
    }),
    'clock',
    OTHER_MS,
  )
  const newId = createIdSource(clock)
  const secretCipher = createSecretCipher(config.secretEncryptionKeys)
  const bodyCipher = createBodyCipher(config.secretEncryptionKeys)
  const signingKeys = createSigningKeys(secretCipher)
  await prepareStoredSecrets(database, secretCipher, logger)
  stopSignal?.throwIfAborted()
  await database.warmUp([...acceptStatements, recordAttempts, loadDeliveries])
  stopSignal?.throwIfAborted()
  const filterErrors = resources.use(
    createFilterErrors(database, {
      onCounted: (count) => void context.serviceEvents.emit('filtersFailed', { count }),
      onError: context.reportTrouble('errors of filters'),
    }),
    'errors of filters',
    OTHER_MS,
  )
  const matcher = await createMatcher(database, filterErrors.add)
  stopSignal?.throwIfAborted()
  const installation = await readInstallation(database)
  stopSignal?.throwIfAborted()
  const secrets = { secretCipher, bodyCipher, signingKeys }
  return { database, directUrl, installation, matcher, clock, newId, ...secrets }
}
