/**
 * A replay: a durable job that makes deliveries once more, or events' first deliveries to a subscription that missed
 * them. A retry of many deliveries, and a discard of dead letters, are such jobs, too. It is a row of `replays`. Its
 * work is done in steps, each one statement that makes deliveries and moves the cursor behind them, so a process that
 * dies leaves nothing half done, and no delivery is made twice.
 */
import type { Prisma, Replay } from '../generated/prisma/client.js'
import type { DeliveryStatus, ReplayKind, ReplayState } from '../generated/prisma/enums.js'
import { transitions } from './delivery-states.js'
import { selectColumns, sqlColumns } from './snapshot-columns.js'

/** The columns of a replay as it is shown, with their types in PostgreSQL: the only list of them. */
export const replayColumns = {
  id: 'uuid',
  tenant: 'text',
  kind: 'text',
  state: 'text',
  filter: 'json',
  missedBy: 'uuid',
  ratePerSecond: 'int',
  total: 'int',
  done: 'int',
  createdAt: 'timestamptz',
  updatedAt: 'timestamptz',
  finishedAt: 'timestamptz',
} as const satisfies { readonly [Column in keyof Replay]?: string }

export type ReplaySnapshot = Pick<Replay, keyof typeof replayColumns>

/** The columns of a snapshot, for a `select` of Prisma. */
export const replaySelect = selectColumns(replayColumns) satisfies Prisma.ReplaySelect

/** SQL: the columns of a snapshot of the replay `r`. */
export const sqlReplaySnapshot = (r: string): string => sqlColumns(replayColumns, r)

/** The deliveries that a job may change, by its kind. */
export const statusesOfKind = {
  REPLAY: transitions.replay.from,
  RETRY: transitions.retry.from,
  DISCARD: transitions.discard.from,
} as const satisfies Record<ReplayKind, readonly DeliveryStatus[]>

/** From where a user may move a replay. A worker moves it from RUNNING to FINISHED. */
export const replayMoves = {
  pause: { from: ['RUNNING'], to: 'PAUSED' },
  resume: { from: ['PAUSED'], to: 'RUNNING' },
  cancel: { from: ['RUNNING', 'PAUSED'], to: 'CANCELLED' },
} as const satisfies Record<string, { from: readonly ReplayState[]; to: ReplayState }>

export type ReplayMove = keyof typeof replayMoves

/** Replays of one tenant, or of the operator, that are not finished. */
export const MAX_OPEN_REPLAYS = 20
/** Finished ones that are kept of each; the oldest make room. */
export const MAX_FINISHED_REPLAYS = 1000
export const MAX_RATE_PER_SECOND = 100_000
