/** The payloads of events. They may be large, so an answer counts them. */
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import type { Answer } from './answers.js'
import { type CountedLoader, createCountedLoader, shown } from './counted-loader.js'
import { PayloadJson } from './payload-json.js'

export interface Payload {
  data(): PayloadJson
  metadata(): PayloadJson | null
  /** The text as it was published, in which no number is rounded. */
  json(): string
}

/** `$1` event ids. */
const measurePayloads = forViewer(
  { name: 'measure-payloads', parameters: 1 },
  ({ isVisible }) => `
    select id, octet_length(data::text) as "dataBytes", coalesce(octet_length(metadata::text), 0) as "metadataBytes"
    from events e where id = any($1::uuid[]) and ${isVisible('e')}`,
)

interface MeasurePayloadsRow {
  id: string
  dataBytes: number
  metadataBytes: number
}

/** `$1` event ids. */
const readPayloads = forViewer(
  { name: 'read-payloads', parameters: 1 },
  ({ isVisible }) => `
    select id, data::text as data, metadata::text as metadata
    from events e where id = any($1::uuid[]) and ${isVisible('e')}`,
)

interface ReadPayloadsRow {
  id: string
  data: string
  metadata: string | null
}

export function createPayloads(database: VisibleDatabase, answer: Answer): CountedLoader<Payload> {
  return createCountedLoader(answer, {
    async measure(eventIds) {
      const rows = await database.query<MeasurePayloadsRow>(measurePayloads, [eventIds])
      return new Map(rows.map((row) => [row.id, { ...row, bytes: row.dataBytes + row.metadataBytes }]))
    },
    async read(sizes) {
      const rows = await database.query<ReadPayloadsRow>(readPayloads, [[...sizes.keys()]])
      return new Map(
        rows.map(({ id, data, metadata }) => {
          const { dataBytes = 0, metadataBytes = 0 } = sizes.get(id) ?? {}
          const metadataJson = metadata === null ? null : new PayloadJson(JSON.parse(metadata))
          const text = `{"data":${data},"metadata":${metadata}}`
          return [
            id,
            () => ({
              data: shown(answer, new PayloadJson(JSON.parse(data)), dataBytes),
              metadata: shown(answer, metadataJson, metadataBytes),
              json() {
                // A second copy of what was counted when it was loaded.
                answer.take(dataBytes + metadataBytes)
                return text
              },
            }),
          ]
        }),
      )
    },
  })
}
