import { createErasure } from '../../erasures/create.js'
import { erasureBody } from '../../erasures/input.js'
import { ErasureState } from '../../generated/prisma/enums.js'
import { type ErasureSnapshot, erasureSelect } from '../../model/erasure.js'
import { parseInput } from '../../platform/input-errors.js'
import { isUuid } from '../../platform/uuid.js'
import { builder } from '../builder.js'
import { checkPage, connectionComplexity, DEFAULT_LIST_SIZE, MAX_LIST_SIZE } from '../connection-arguments.js'
import { type Outcome, outcomeOf, userErrors } from '../user-errors.js'

const ErasureStateEnum = builder.enumType('ErasureState', {
  description: 'Where an erasure stands.',
  values: {
    RUNNING: {
      value: ErasureState.RUNNING,
      description: 'A worker works on it, or looks again at what was not finished.',
    },
    FINISHED: { value: ErasureState.FINISHED, description: 'All that it means is erased.' },
  },
})

const Erasure = builder.prismaObject('Erasure', {
  description: 'A job that erases all events of a tenant, or all that went to a subscription.',
  select: erasureSelect,
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUIDv7.' }),
    tenant: t.exposeString('tenant', {
      nullable: true,
      description: 'Whose it is; null for the operator’s own.',
    }),
    subscriptionId: t.exposeID('subscriptionId', {
      nullable: true,
      description: 'The subscription whose events are erased; null where it is all of the tenant.',
    }),
    state: t.expose('state', { type: ErasureStateEnum, description: 'Where it stands.' }),
    erased: t.exposeInt('erased', { description: 'How many events it has erased.' }),
    waiting: t.exposeInt('waiting', {
      description: 'How many events it has found that are not finished yet.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last went on.' }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was FINISHED.',
    }),
  }),
})

builder.queryFields((t) => ({
  erasure: t.prismaField({
    type: 'Erasure',
    nullable: true,
    description: 'An erasure; null when nothing has this id.',
    args: { id: t.arg.id({ required: true, description: 'Of the erasure.' }) },
    resolve: (query, _root, { id }, { database }) =>
      isUuid(id) ? database.prisma.erasure.findUnique({ ...query, where: { id } }) : null,
  }),
  erasures: t.prismaConnection(
    {
      type: 'Erasure',
      description: 'Erasures, newest first.',
      cursor: 'id',
      defaultSize: DEFAULT_LIST_SIZE,
      maxSize: MAX_LIST_SIZE,
      complexity: connectionComplexity,
      resolve: (query, _root, page, { database }) => {
        checkPage(page)
        return database.prisma.erasure.findMany({ ...query, orderBy: { id: 'desc' } })
      },
    },
    { name: 'ErasureConnection', description: 'A page of erasures.' },
    { name: 'ErasureEdge', description: 'An erasure in a page.' },
  ),
}))

const CreateErasureInput = builder.inputType('CreateErasureInput', {
  description: 'What is erased: exactly one of both.',
  fields: (t) => ({
    tenant: t.string({ description: 'All events of this tenant.' }),
    subscriptionId: t.id({ description: 'All events that went to this subscription.' }),
  }),
})

const CreateErasurePayload = builder.objectRef<Outcome<ErasureSnapshot>>('CreateErasurePayload').implement({
  description: 'The erasure is committed when this answer is given.',
  fields: (t) => ({
    erasure: t.field({
      type: Erasure,
      nullable: true,
      description: 'Null when there are errors.',
      resolve: ({ result }) => result,
    }),
    errors: t.expose('errors', userErrors),
  }),
})

builder.mutationFields((t) => ({
  createErasure: t.field({
    type: CreateErasurePayload,
    description:
      'Erases the payloads of all events of a tenant, or of all that went to a subscription, for good: those that ' +
      'were accepted by now, each once it is finished, in the background. The history stays.',
    args: { input: t.arg({ type: CreateErasureInput, required: true, description: 'Which events.' }) },
    resolve: (_root, { input }, context) =>
      outcomeOf(() => createErasure(context, parseInput(erasureBody, { ...input }))),
  }),
}))
