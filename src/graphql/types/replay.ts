import { ReplayKind, ReplayState } from '../../generated/prisma/enums.js'
import type { ReplayMove } from '../../model/replay.js'
import { replaySelect } from '../../model/replay.js'
import { parseInput } from '../../platform/input-errors.js'
import { isUuid } from '../../platform/uuid.js'
import { type CreatedReplay, createReplay } from '../../replays/create.js'
import { replayBody } from '../../replays/input.js'
import { moveReplay } from '../../replays/move.js'
import { builder } from '../builder.js'
import { checkPage, connectionComplexity, DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from '../connection-arguments.js'
import { followerOf } from '../context.js'
import { DeliveryStatusEnum, StatusClassEnum } from '../enums.js'
import { TimeRange } from '../filters.js'
import { checkIds } from '../ids.js'
import { PayloadJson } from '../payload-json.js'
import { refuseToResume } from '../stream-position.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'

const ReplayStateEnum = builder.enumType('ReplayState', {
  description: 'Where a replay stands.',
  values: {
    RUNNING: { value: ReplayState.RUNNING, description: 'A worker works on it, or takes it up.' },
    PAUSED: { value: ReplayState.PAUSED, description: 'By a user.' },
    FINISHED: { value: ReplayState.FINISHED, description: 'It has come to its end.' },
    CANCELLED: { value: ReplayState.CANCELLED, description: 'By a user; what it had made stays made.' },
  },
})

const ReplayKindEnum = builder.enumType('ReplayKind', {
  description: 'What a replay does with the deliveries that it means.',
  values: {
    REPLAY: { value: ReplayKind.REPLAY, description: 'Makes them once more, or for the first time.' },
    RETRY: { value: ReplayKind.RETRY, description: 'Retries them: by `retryDeliveries`.' },
    DISCARD: { value: ReplayKind.DISCARD, description: 'Discards them: by `discardDeliveries`.' },
  },
})

const Replay = builder.prismaObject('Replay', {
  description:
    'A job that makes deliveries once more, or those that a subscription missed; or that retries or discards many.',
  select: replaySelect,
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    tenant: t.exposeString('tenant', {
      nullable: true,
      description: 'That of the API key that made it; null for the operator’s own.',
    }),
    kind: t.field({
      type: ReplayKindEnum,
      description: 'What it does.',
      // A live update from a process of the version before has none.
      resolve: ({ kind }) => kind ?? ReplayKind.REPLAY,
    }),
    state: t.expose('state', { type: ReplayStateEnum, description: 'Where it stands.' }),
    filter: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'As it was given; of a retry or a discard with what it says by default.',
      resolve: ({ filter }, _args, { answer }) => {
        if (filter === null) return null
        answer.take(JSON.stringify(filter).length)
        return new PayloadJson(filter)
      },
    }),
    missedBy: t.exposeID('missedBy', {
      nullable: true,
      description: 'The subscription that gets the events it missed.',
    }),
    ratePerSecond: t.exposeInt('ratePerSecond', {
      nullable: true,
      description: 'Null for as fast as live traffic allows.',
    }),
    total: t.exposeInt('total', {
      nullable: true,
      description:
        'How many deliveries there were to make when it was created; null where counting took too long.',
    }),
    done: t.exposeInt('done', {
      description: 'How many are made. Fewer than `total` at the end where deliveries changed meanwhile.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last went on or changed.' }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was FINISHED or CANCELLED.',
    }),
  }),
})

builder.queryFields((t) => ({
  replay: t.prismaField({
    type: 'Replay',
    nullable: true,
    description: 'A replay; null when nothing has this id.',
    args: { id: t.arg.id({ required: true, description: 'Of the replay.' }) },
    resolve: (query, _root, { id }, { database }) =>
      isUuid(id) ? database.prisma.replay.findUnique({ ...query, where: { id } }) : null,
  }),
  replays: t.prismaConnection(
    {
      type: 'Replay',
      description: 'Replays, newest first.',
      cursor: 'id',
      defaultSize: DEFAULT_LIST_SIZE,
      maxSize: MAX_LIST_SIZE,
      complexity: connectionComplexity,
      resolve: (query, _root, page, { database }) => {
        checkPage(page)
        return database.prisma.replay.findMany({ ...query, orderBy: { id: 'desc' } })
      },
    },
    { name: 'ReplayConnection', description: 'A page of replays.' },
    { name: 'ReplayEdge', description: 'A replay in a page.' },
  ),
}))

builder.subscriptionField('replayUpdated', (t) =>
  t.field({
    type: Replay,
    description:
      'Every committed change of a replay, its progress too, whichever process made it. Of one that changes often, ' +
      'only the newest is sent.',
    args: { id: t.arg.id({ description: 'This replay.' }) },
    subscribe: (_root, { id }, context) => {
      checkIds({ id })
      refuseToResume(context.reader.position, NO_RESUMING)
      const filter = { id: id == null ? undefined : new Set([id.toLowerCase()]) }
      return context.liveUpdates.follow('replays', filter, followerOf(context))
    },
    resolve: (replay) => replay,
  }),
)

const NO_RESUMING =
  'has no meaning for `replayUpdated`; subscribe without it, and query `replays` for what was missed'

export const ReplayFilter = builder.inputType('ReplayFilter', {
  description:
    'Every condition that is given must hold. Beside `missedBy` only `type`, `tenant` and `createdAt`; of a discard ' +
    'without `isDiscarded`.',
  fields: (t) => ({
    status: t.field({
      type: [DeliveryStatusEnum],
      description: 'One of these, without PENDING: such deliveries are made anyway.',
    }),
    type: t.stringList({ description: 'The event has one of these types.' }),
    eventId: t.id({ description: 'Carries this event.' }),
    subscriptionId: t.id({ description: 'Goes to this subscription.' }),
    tenant: t.string({
      description: 'Goes to a subscription of this tenant; with `missedBy`: is an event of it.',
    }),
    error: t.string({ description: 'Has this text in `lastError`, in any case.' }),
    lastError: t.string({
      description: 'Has this `lastError` and no other, as a group of dead letters has it.',
    }),
    statusClass: t.field({ type: [StatusClassEnum], description: 'The last answer was one of these.' }),
    createdAt: t.field({
      type: TimeRange,
      description: 'When the delivery was created; with `missedBy`: the event.',
    }),
    updatedAt: t.field({ type: TimeRange, description: 'When the delivery last changed.' }),
    isDiscarded: t.boolean({
      description: 'Whether it is discarded; when it is absent, false for a retry, and either for a replay.',
    }),
  }),
})

const CreateReplayInput = builder.inputType('CreateReplayInput', {
  description: 'What is replayed: `filter`, or `missedBy`.',
  fields: (t) => ({
    filter: t.field({
      type: ReplayFilter,
      description: 'Which deliveries are made once more; `{}` is all of them.',
    }),
    missedBy: t.id({
      description: 'A subscription: it gets the events that match it, and of which it has no delivery.',
    }),
    ratePerSecond: t.int({
      description: 'Deliveries a second; as fast as live traffic allows when it is absent.',
    }),
    dryRun: t.boolean({ description: 'Only counts: nothing is created.' }),
  }),
})

export const createdPayload = (name: string) =>
  builder.objectRef<Outcome<CreatedReplay>>(name).implement({
    description: 'The replay is committed when this answer is given.',
    fields: (t) => ({
      replay: t.field({
        type: Replay,
        nullable: true,
        description: 'Null for a dry run, and when there are errors.',
        resolve: ({ result }) => result?.replay ?? null,
      }),
      total: t.int({
        nullable: true,
        description: 'How many deliveries it means; null when there are errors, or counting took too long.',
        resolve: ({ result }) => result?.total ?? null,
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

const movePayload = (name: string) =>
  builder.objectRef<Outcome<string>>(name).implement({
    description: 'What became of the replay.',
    fields: (t) => ({
      replay: t.prismaField({
        type: 'Replay',
        nullable: true,
        description: 'As it is now; null when there are errors.',
        resolve: (query, { result: id }, _args, { database }) =>
          id === null ? null : database.prisma.replay.findUnique({ ...query, where: { id } }),
      }),
      errors: t.expose('errors', userErrors),
    }),
  })

builder.mutationFields((t) => {
  const move = (name: ReplayMove, payload: string, description: string) =>
    t.field({
      type: movePayload(payload),
      description,
      args: { id: t.arg.id({ required: true, description: 'Of the replay.' }) },
      resolve: (_root, { id }, context) =>
        outcomeOf(async () => (await moveReplay(context, String(id), name)).id),
    })
  return {
    createReplay: t.field({
      type: createdPayload('CreateReplayPayload'),
      description:
        'Makes deliveries once more, or those that a subscription missed: each once, in the background, at a pace.',
      args: {
        input: t.arg({ type: CreateReplayInput, required: true, description: 'Which ones, and how.' }),
      },
      resolve: (_root, { input }, context) =>
        // As JSON, in which the times are texts as in REST.
        outcomeOf(() => createReplay(context, parseInput(replayBody, JSON.parse(JSON.stringify(input))))),
    }),
    pauseReplay: move('pause', 'PauseReplayPayload', 'Pauses a replay.'),
    resumeReplay: move('resume', 'ResumeReplayPayload', 'Goes on with a paused replay.'),
    cancelReplay: move('cancel', 'CancelReplayPayload', 'Ends a replay; what it has made stays made.'),
  }
})
