import type { FilteredEvent } from './filter.js'

/** An event with its payload as JSON text. */
export interface EventText {
  type: string
  tenant: string | null
  data: string
  metadata: string | null
  createdAt: Date
}

/** What a filter sees of an event. */
export const toFilteredEvent = ({ type, tenant, data, metadata, createdAt }: EventText): FilteredEvent => ({
  ...{ type, createdAt, tenant },
  data: JSON.parse(data),
  metadata: metadata === null ? null : JSON.parse(metadata),
})
