/** Many deliveries at once: jobs as replays are. */
import { parseInput } from '../../platform/input-errors.js'
import { createReplay } from '../../replays/create.js'
import { discardBody, retryBody } from '../../replays/input.js'
import { builder } from '../builder.js'
import { outcomeOf } from '../user-errors.js'
import { createdPayload, ReplayFilter } from './replay.js'

const kinds = { RETRY: retryBody, DISCARD: discardBody } as const

builder.mutationFields((t) => {
  const job = (kind: keyof typeof kinds, payload: string, description: string) =>
    t.field({
      type: createdPayload(payload),
      description,
      args: {
        filter: t.arg({
          type: ReplayFilter,
          required: true,
          description: 'Which ones; `{}` is all of them.',
        }),
        ratePerSecond: t.arg.int({
          description: 'Deliveries a second; as fast as live traffic allows when it is absent.',
        }),
        dryRun: t.arg.boolean({ description: 'Only counts: nothing is created.' }),
      },
      resolve: (_root, input, context) =>
        // As JSON, in which the times are texts as in REST.
        outcomeOf(() =>
          createReplay(context, parseInput(kinds[kind], JSON.parse(JSON.stringify(input))), kind),
        ),
    })
  return {
    retryDeliveries: job(
      'RETRY',
      'RetryDeliveriesPayload',
      'Retries deliveries that are FAILED or DEAD, those that are discarded left out: a replay of the kind RETRY.',
    ),
    discardDeliveries: job(
      'DISCARD',
      'DiscardDeliveriesPayload',
      'Discards dead letters: they stay DEAD, and are no dead letters any more. A replay of the kind DISCARD.',
    ),
  }
})
