/** The answers of the routes of replays. */
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { ReplayKind, ReplayState } from '../generated/prisma/enums.js'
import type { ReplaySnapshot } from '../model/replay.js'
import type { CreatedReplay } from '../replays/create.js'
import { anyObject, id, time } from './basic-shapes.js'
import { locationHeader, tenantShape } from './shapes.js'

export const replayShape = z
  .object({
    id,
    tenant: tenantShape,
    kind: z.enum(ReplayKind).meta({
      description: 'What it does: `RETRY` and `DISCARD` are the jobs of many deliveries.',
    }),
    state: z.enum(ReplayState),
    filter: anyObject.nullable().meta({
      description: 'As it was given; of a retry or a discard with what it says by default.',
    }),
    missedBy: id.nullable().meta({ description: 'The subscription that gets the events it missed.' }),
    ratePerSecond: z.int().nullable().meta({ description: 'Null for as fast as live traffic allows.' }),
    total: z.int().nullable().meta({
      description:
        'How many deliveries there were to make when it was created; null where counting took too long.',
    }),
    done: z.int().meta({
      description: 'How many are made. Fewer than `total` at the end where deliveries changed meanwhile.',
    }),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.nullable().meta({ description: 'When it was FINISHED or CANCELLED.' }),
  })
  .meta({
    id: 'Replay',
    description: 'A job that makes deliveries once more, or those that were missed, or discards them.',
  })

const replayCountShape = z
  .object({ total: z.int().meta({ description: 'How many deliveries the job would change.' }) })
  .meta({ id: 'ReplayCount' })

export const toReplay = (row: ReplaySnapshot) => ({
  id: row.id,
  tenant: row.tenant,
  kind: row.kind,
  state: row.state,
  filter: row.filter as Record<string, unknown> | null,
  missedBy: row.missedBy,
  ratePerSecond: row.ratePerSecond,
  total: row.total,
  done: row.done,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  finishedAt: row.finishedAt?.toISOString() ?? null,
})

/** What a route answers that creates a replay. */
export const createdReplayShapes = {
  201: replayShape.meta({
    description: 'It runs.',
    headers: locationHeader('/v1/replays/{id}'),
  }),
  200: replayCountShape.describe('Of a dry run.'),
}

export function answerCreated(reply: Pick<FastifyReply, 'code'>, { replay, total }: CreatedReplay) {
  if (replay === null) return { total }
  reply.code(201).header('location', `/v1/replays/${replay.id}`)
  return toReplay(replay)
}
