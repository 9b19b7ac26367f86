/** What is replayed: one schema checks it for every face, and reads it back from the database. */
import { z } from 'zod'
import { statusClasses } from '../deliveries/failures.js'
import type { ReplayKind } from '../generated/prisma/enums.js'
import { transitions } from '../model/delivery-states.js'
import { eventType } from '../model/event-type.js'
import { MAX_RATE_PER_SECOND, statusesOfKind } from '../model/replay.js'
import { tenant } from '../model/tenant.js'
import { parseInput } from '../platform/input-errors.js'
import { isoTime } from '../platform/iso-time.js'
import { optional } from '../platform/optional.js'
import { uuidInput } from '../platform/uuid-input.js'

const MAX_TYPES = 100
const MAX_ERROR_LENGTH = 500

const timeRange = optional(z.strictObject({ from: optional(isoTime), to: optional(isoTime) }))
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  optional(z.array(z.enum(values, { error: `must be one of ${values.join(', ')}` })).max(values.length))

const conditions = {
  type: optional(z.array(eventType).max(MAX_TYPES)).meta({
    description: 'The event has one of these types.',
  }),
  eventId: optional(uuidInput).meta({ description: 'Carries this event.' }),
  subscriptionId: optional(uuidInput).meta({ description: 'Goes to this subscription.' }),
  tenant: optional(tenant).meta({
    description: 'Goes to a subscription of this tenant; with `missedBy`: is an event of it.',
  }),
  error: optional(z.string().min(1).max(MAX_ERROR_LENGTH)).meta({
    description: 'Text in `lastError`, in any case.',
  }),
  lastError: optional(z.string().min(1).max(MAX_ERROR_LENGTH)).meta({
    description: 'This `lastError` and no other, as a group of dead letters has it.',
  }),
  statusClass: oneOf(statusClasses).meta({ description: 'The last answer was one of these.' }),
  createdAt: timeRange.meta({ description: 'When the delivery was created; with `missedBy`: the event.' }),
  updatedAt: timeRange.meta({ description: 'When the delivery last changed.' }),
}

const isDiscarded = (otherwise: string) =>
  optional(z.boolean()).meta({ description: `Whether it is discarded; ${otherwise} when it is absent.` })

const replayFilter = z.strictObject({
  status: oneOf(transitions.replay.from).meta({
    description: 'One of these; each of them when it is absent. PENDING deliveries are made anyway.',
  }),
  ...conditions,
  isDiscarded: isDiscarded('either'),
})

const retryFilter = z.strictObject({
  status: oneOf(transitions.retry.from).meta({
    description: 'One of these; both when it is absent.',
  }),
  ...conditions,
  isDiscarded: isDiscarded('false'),
})

const discardFilter = z.strictObject({
  status: oneOf(transitions.discard.from).meta({ description: 'The only one that is discarded.' }),
  ...conditions,
})

export type ReplayFilter = z.output<typeof replayFilter>

/** What a filter may say of events, beside `missedBy`. */
const ofEvents = ['type', 'tenant', 'createdAt'] as const

const pace = {
  ratePerSecond: optional(z.int().min(1).max(MAX_RATE_PER_SECOND)).meta({
    description: 'Deliveries a second; as fast as live traffic allows when it is absent.',
  }),
  dryRun: optional(z.boolean()).meta({ description: 'Only counts: nothing is created.' }),
}

/** The body of `POST /v1/deliveries/retry`. */
export const retryBody = z.strictObject({
  filter: retryFilter.meta({ description: 'Which deliveries are retried; `{}` is all of them.' }),
  ...pace,
})

/** The body of `POST /v1/deliveries/discard`. */
export const discardBody = z.strictObject({
  filter: discardFilter.meta({ description: 'Which dead letters are discarded; `{}` is all of them.' }),
  ...pace,
})

/** The body of `POST /v1/replays`. */
export const replayBody = z
  .strictObject({
    filter: optional(replayFilter).meta({
      description: 'Which deliveries are made once more; `{}` is all of them.',
    }),
    missedBy: optional(uuidInput).meta({
      description:
        'A subscription: it gets the events that match it, and of which it has no delivery. The filter may then ' +
        `narrow \`${ofEvents.join('`, `')}\`.`,
    }),
    ...pace,
  })
  .superRefine(({ filter, missedBy }, context) => {
    const issue = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (filter === undefined && missedBy === undefined)
      issue(['filter'], 'is required, or `missedBy`; an empty filter is all deliveries')
    if (missedBy === undefined) return
    for (const [name, value] of Object.entries(filter ?? {}))
      if (value !== undefined && !(ofEvents as readonly string[]).includes(name))
        issue(
          ['filter', name],
          `is not for \`missedBy\`: there are no deliveries yet; give ${ofEvents.join(', ')}`,
        )
  })

export type ReplayInput = z.output<typeof replayBody>

/** What a filter says where it says nothing else. The job keeps it, and so says what it does. */
export const filterDefaults = {
  REPLAY: {},
  RETRY: { status: statusesOfKind.RETRY, isDiscarded: false },
  DISCARD: { status: statusesOfKind.DISCARD, isDiscarded: false },
} as const satisfies Record<ReplayKind, object>

/** A filter as it is in the database. */
export const readFilter = (stored: unknown): ReplayFilter => parseInput(replayFilter, stored ?? {})
