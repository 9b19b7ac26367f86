import { type Preview, previewFilter } from '../../events/preview-filter.js'
import { EVENT_TYPE_FORM } from '../../model/event-type.js'
import { builder } from '../builder.js'

builder.prismaObject('FilterErrors', {
  description:
    "The errors of a subscription's filter since it was set. Their events were not delivered to it.",
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many events it failed for.' }),
    lastError: t.exposeString('lastError', { description: 'What kept it from an answer the last time.' }),
    lastAt: t.expose('lastAt', { type: 'DateTime', description: 'When that was.' }),
  }),
})

const FilterPreview = builder.objectRef<Preview>('FilterPreview').implement({
  description: 'Whether a filter would let an event through, and why not.',
  fields: (t) => ({
    matches: t.exposeBoolean('matches', { description: 'False where there is an error.' }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'What is wrong with the filter, or kept it from an answer.',
    }),
    unmet: t.exposeStringList('unmet', { description: 'The conditions, joined by `&&`, that do not hold.' }),
  }),
})

const PreviewEventInput = builder.inputType('PreviewEventInput', {
  description: 'An event as it would be published.',
  fields: (t) => ({
    type: t.string({ required: true, description: `${EVENT_TYPE_FORM}.` }),
    tenant: t.string({ description: 'Whose event it is.' }),
    data: t.field({ type: 'JSONObject', required: true, description: 'What happened.' }),
    metadata: t.field({ type: 'JSONObject', description: 'What there is to say about it besides.' }),
    createdAt: t.field({ type: 'DateTime', description: 'Now when it is absent.' }),
  }),
})

builder.queryField('previewFilter', (t) =>
  t.field({
    type: FilterPreview,
    description: 'Tries a filter on a stored event or on a given one. Exactly one of the two is needed.',
    args: {
      filter: t.arg.string({ required: true, description: 'The expression to try.' }),
      eventId: t.arg.id({ description: 'Of a stored event.' }),
      event: t.arg({ type: PreviewEventInput, description: 'An event as it would be published.' }),
    },
    resolve: (_root, input, context) => previewFilter(context, input),
  }),
)
