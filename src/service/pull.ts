/** The parts of a process that hands deliveries to their consumers, or ends what these did not answer in time. */
import { createAttemptColumns } from '../delivery-engine/attempt/attempt-columns.js'
import { createRecorder } from '../delivery-engine/attempt/recorder.js'
import { createPullRecorder } from '../pull/record.js'
import type { StartContext } from './context.js'
import type { Messaging } from './messaging.js'
import type { Storage } from './storage.js'

export type Pull = ReturnType<typeof createPull>

export function createPull(
  { config, serviceEvents }: StartContext,
  { database, clock, bodyCipher, signingKeys }: Storage,
  { feedWakes, wakeUps }: Messaging,
) {
  return {
    ...{ feedWakes, signingKeys },
    pullDatabase: database,
    recordPull: createPullRecorder({
      recorder: createRecorder(database, serviceEvents),
      policy: config.delivery,
      writeColumns: createAttemptColumns(config.logs.responseBodies, bodyCipher),
      ...{ serviceEvents, clock, feedWakes },
      onDue: () => wakeUps.send('due'),
    }),
  }
}
