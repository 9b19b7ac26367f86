import type { FilteredEvent } from './filter.js'

/** An event with its payload as JSON text. */
export interface EventText {
  type: string
  data: string
  metadata: string | null
  createdAt: Date
}

/** What a filter sees of an event. */
export const toFilteredEvent = ({ type, data, metadata, createdAt }: EventText): FilteredEvent => ({
  ...{ type, createdAt, tenant: null },
  data: JSON.parse(data),
  metadata: metadata === null ? null : JSON.parse(metadata),
})
