/** The payloads of events, loaded for one operation together, and only once their sizes are known to fit its answer. */
import { GraphQLError } from 'graphql'
import type { Database, Statement } from '../platform/postgres/database.js'
import type { Answer } from './answers.js'
import { OpaqueJson } from './opaque-json.js'

export interface Payload {
  data(): OpaqueJson
  metadata(): OpaqueJson | null
}

export interface Payloads {
  load(eventId: string): Promise<Payload>
}

/** `$1` event ids. */
const measurePayloads: Statement = {
  name: 'measure-payloads',
  text: `
    select id, octet_length(data::text) as "dataBytes", coalesce(octet_length(metadata::text), 0) as "metadataBytes"
    from events where id = any($1::uuid[])`,
}

interface MeasurePayloadsRow {
  id: string
  dataBytes: number
  metadataBytes: number
}

export function createPayloads(database: Database, answer: Answer): Payloads {
  /** How often each payload is asked for at the same moment. */
  let asked = new Map<string, number>()
  let loading: Promise<Map<string, () => Payload>> | undefined

  async function load(): Promise<Map<string, () => Payload>> {
    await new Promise((resolve) => setImmediate(resolve))
    const times = asked
    asked = new Map()
    loading = undefined
    const sizes = await database.query<MeasurePayloadsRow>(measurePayloads, [[...times.keys()]])
    const bytes = sizes.map((size) => (size.dataBytes + size.metadataBytes) * (times.get(size.id) ?? 1))
    takeOrRefuse(bytes.reduce((sum, each) => sum + each, 0))
    const rows = await database.prisma.event.findMany({
      where: { id: { in: sizes.map(({ id }) => id) } },
      select: { id: true, data: true, metadata: true },
    })
    const sizeOf = new Map(sizes.map((size) => [size.id, size]))
    return new Map(
      rows.map(({ id, data, metadata }) => [
        id,
        () => ({
          data: shown(answer, new OpaqueJson(data), sizeOf.get(id)?.dataBytes ?? 0),
          metadata: shown(
            answer,
            metadata === null ? null : new OpaqueJson(metadata),
            sizeOf.get(id)?.metadataBytes ?? 0,
          ),
        }),
      ]),
    )
  }

  /** One error for all that wait: graphql-js makes another for each field of an error that has no path. */
  function takeOrRefuse(bytes: number): void {
    try {
      answer.take(bytes)
    } catch (error) {
      throw new GraphQLError((error as Error).message, { path: [], originalError: error as Error })
    }
  }

  return {
    async load(eventId) {
      asked.set(eventId, (asked.get(eventId) ?? 0) + 1)
      loading ??= load()
      const make = (await loading).get(eventId)
      // Retention may have removed the event meanwhile.
      if (make === undefined) throw new Error(`the payload of the event ${eventId} is gone`)
      return make()
    },
  }
}

/** It was counted once when it was loaded; from the second time on it counts where it is shown. */
function shown<Value>(answer: Answer, value: Value, bytes: number): () => Value {
  let isCounted = true
  return () => {
    if (!isCounted) answer.take(bytes)
    isCounted = false
    return value
  }
}
