/** Preview: what a filter makes of a given or a stored event, without anything being delivered. */
import { z } from 'zod'
import { badInput, notFound, ServiceError } from '../errors.js'
import { compiledFilter, loadFilters } from '../filters/compiled-filters.js'
import {
  type Filter,
  FilterError,
  type FilteredEvent,
  MAX_FILTER_LENGTH,
  type Verdict,
} from '../filters/filter.js'
import { type EventText, toFilteredEvent } from '../filters/filtered-event.js'
import { eventType } from '../model/event-type.js'
import type { Clock } from '../platform/clock.js'
import { isUuid } from '../platform/uuid.js'
import type { Viewer } from '../tenants/viewer.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import { describedValues, publicationBody, toPublication } from './publication.js'

/** The body of `POST /v1/filters/preview`. */
export const previewBody = z.strictObject({
  filter: z.string().max(MAX_FILTER_LENGTH).meta({ description: 'The expression to try.' }),
  eventId: z.string().nullish().meta({ format: 'uuid', description: 'A stored event; or give `event`.' }),
  event: publicationBody
    .omit({ eventId: true })
    .extend({ type: eventType })
    .nullish()
    .meta({ description: 'An event as it would be published; or give `eventId`.' }),
})

export interface PreviewInput {
  filter: string
  eventId?: string | null | undefined
  event?:
    | {
        type: string
        tenant?: string | null | undefined
        data: unknown
        metadata?: unknown
        createdAt?: Date | null | undefined
      }
    | null
    | undefined
}

export interface Preview extends Verdict {
  /** The conditions, joined by `&&`, that do not hold. */
  unmet: string[]
}

/** `$1` the event's id. */
const loadEventToFilter = forViewer(
  { name: 'load-event-to-filter', parameters: 1 },
  ({ isVisible }) => `
    select type, tenant, data::text as data, metadata::text as metadata, "createdAt", "erasedAt"
    from events e where id = $1 and ${isVisible('e')}`,
)

interface LoadEventToFilterRow extends EventText {
  erasedAt: Date | null
}

/**
 * @throws ServiceError NOT_FOUND for an unknown event, CONFLICT for one whose payload was erased, BAD_USER_INPUT unless
 * exactly one event is given
 */
export async function previewFilter(
  { database, clock }: { database: VisibleDatabase; clock: Clock },
  { filter, eventId, event }: PreviewInput,
): Promise<Preview> {
  if ((eventId == null) === (event == null)) {
    throw badInput([{ path: '', message: 'must have exactly one of eventId and event' }])
  }
  const filtered =
    event == null ? await loadEvent(database, eventId as string) : readEvent(event, database, clock.now())
  await loadFilters()
  return preview(filter, filtered)
}

/** The bounds of the body bound its size. */
function readEvent(event: NonNullable<PreviewInput['event']>, viewer: Viewer, now: Date): FilteredEvent {
  const publication = toPublication(event, Number.POSITIVE_INFINITY, viewer, describedValues)
  return toFilteredEvent({ ...publication, createdAt: publication.createdAt ?? now })
}

async function loadEvent(database: VisibleDatabase, id: string): Promise<FilteredEvent> {
  const [row] = isUuid(id) ? await database.query<LoadEventToFilterRow>(loadEventToFilter, [id]) : []
  if (row === undefined) throw notFound('event', id)
  if (row.erasedAt !== null)
    throw new ServiceError('CONFLICT', 'The payload of the event was erased. Try another event.')
  return toFilteredEvent(row)
}

function preview(text: string, event: FilteredEvent): Preview {
  let filter: Filter
  try {
    filter = compiledFilter(text)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    return { matches: false, error: error.message, unmet: [] }
  }
  const verdict = filter.test(event)
  return { ...verdict, unmet: verdict.matches || verdict.error !== null ? [] : filter.unmet(event) }
}
