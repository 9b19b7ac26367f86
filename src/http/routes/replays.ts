import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ReplayMove } from '../../model/replay.js'
import { createReplay, type ReplayContext } from '../../replays/create.js'
import { findReplay, listReplays } from '../../replays/find.js'
import { replayBody } from '../../replays/input.js'
import { moveReplay } from '../../replays/move.js'
import { contextFor } from '../auth.js'
import { answers, BODY_PROBLEMS } from '../openapi.js'
import { answerCreated, createdReplayShapes, replayShape, toReplay } from '../replay-shapes.js'
import { idParameter, pageOf, pageQuery } from '../shapes.js'

const tags = ['Replays']

const example = {
  filter: { status: ['DEAD'], type: ['user.created'], createdAt: { from: '2026-01-31T00:00:00Z' } },
  ratePerSecond: 50,
}

const moves = {
  pause: 'Pause a replay',
  resume: 'Go on with a paused replay',
  cancel: 'End a replay; what it has made stays made',
} as const satisfies Record<ReplayMove, string>

export const replayRoutes =
  (parts: Omit<ReplayContext, 'database'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/replays',
      {
        config: { scope: 'manage' },
        schema: {
          tags,
          operationId: 'createReplay',
          summary: 'Make deliveries once more, or those that a subscription missed',
          body: replayBody.meta({ id: 'NewReplay', examples: [example] }),
          response: answers(createdReplayShapes, 404, 409, ...BODY_PROBLEMS),
        },
      },
      async (request, reply) =>
        answerCreated(reply, await createReplay(contextFor(request, parts), request.body)),
    )

    app.get(
      '/replays',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'listReplays',
          summary: 'Replays, newest first',
          querystring: pageQuery,
          response: answers({
            200: pageOf(replayShape).meta({ id: 'ReplayPage', description: 'A page of replays.' }),
          }),
        },
      },
      async ({ query, database }) => {
        const { items, nextCursor } = await listReplays(database, query)
        return { items: items.map(toReplay), nextCursor }
      },
    )

    app.get(
      '/replays/:id',
      {
        config: { scope: 'read' },
        schema: {
          tags,
          operationId: 'getReplay',
          summary: 'A replay',
          params: idParameter,
          response: answers({ 200: replayShape.describe('The replay.') }, 404),
        },
      },
      async ({ params, database }) => toReplay(await findReplay(database, params.id)),
    )

    for (const [move, summary] of Object.entries(moves) as [ReplayMove, string][]) {
      app.post(
        `/replays/:id/${move}`,
        {
          config: { scope: 'manage' },
          schema: {
            tags,
            operationId: `${move}Replay`,
            summary,
            params: idParameter,
            response: answers(
              { 200: replayShape.describe('The replay as it is now.') },
              404,
              409,
              ...BODY_PROBLEMS,
            ),
          },
        },
        async (request) => toReplay(await moveReplay(contextFor(request, parts), request.params.id, move)),
      )
    }
  }
