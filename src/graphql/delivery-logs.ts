/** The logs of deliveries. A delivery with many retries has many logs, and their errors may be long. */
import { visibleConnection } from '../deliveries/visible-connection.js'
import type { DeliveryLog } from '../generated/prisma/client.js'
import type { WebhookFormat } from '../generated/prisma/enums.js'
import { connectionFields, formatOf } from '../model/attempt-details.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import type { Answer } from './answers.js'
import { type CountedLoader, createCountedLoader, shown } from './counted-loader.js'

/** A log without what was sent and answered, which is counted by itself. */
type LogRow = Omit<DeliveryLog, 'headers' | 'responseBody'>

/** A log with a counted error: each call of `error()` after the first counts it again. */
export type CountedLog = Omit<LogRow, 'error' | 'connection'> &
  ReturnType<typeof connectionFields> & { format: WebhookFormat; error(): string | null }

/** The bytes of a log in an answer, without its error. */
const LOG_BYTES = 300

/** `$1` delivery ids. Deliveries are only looked up for a viewer of one tenant. */
const measureLogs = forViewer(
  { name: 'measure-logs', parameters: 1 },
  ({ tenant }) => `
    select l."deliveryId" as id, sum(coalesce(octet_length(l.error), 0) + ${LOG_BYTES})::float8 as bytes
    from "deliveryLogs" l
    where l."deliveryId" = any($1::uuid[])
      and (${tenant} is null or (select d.tenant from deliveries d where d.id = l."deliveryId") = ${tenant})
    group by l."deliveryId"`,
)

interface MeasureLogsRow {
  id: string
  bytes: number
}

export function createDeliveryLogs(database: VisibleDatabase, answer: Answer): CountedLoader<CountedLog[]> {
  return createCountedLoader(answer, {
    async measure(deliveryIds) {
      const rows = await database.query<MeasureLogsRow>(measureLogs, [deliveryIds])
      return new Map(rows.map((row) => [row.id, row]))
    },
    async read(sizes) {
      const rows = await database.prisma.deliveryLog.findMany({
        where: { deliveryId: { in: [...sizes.keys()] } },
        omit: { headers: true, responseBody: true },
        orderBy: [{ deliveryId: 'asc' }, { attempt: 'asc' }],
      })
      const logsOf = new Map<string, LogRow[]>()
      for (const row of rows) {
        const logs = logsOf.get(row.deliveryId)
        if (logs === undefined) logsOf.set(row.deliveryId, [row])
        else logs.push(row)
      }
      const counted = ({ connection, ...log }: LogRow): CountedLog => ({
        ...log,
        ...visibleConnection(database, connectionFields(connection, log.responseTimeMs)),
        format: formatOf(connection),
        error: shown(answer, log.error, Buffer.byteLength(log.error ?? '')),
      })
      return new Map([...logsOf].map(([id, logs]) => [id, () => logs.map(counted)]))
    },
  })
}
