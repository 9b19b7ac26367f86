/** What attempts have sent and been answered. It may be long, so an answer counts it. */
import type { WebhookFormat } from '../generated/prisma/enums.js'
import { exchangeFields, type ShownExchange, sqlAttemptId } from '../model/attempt-details.js'
import { sqlWebhookContent, WEBHOOK_FRAME_BYTES, type WebhookContent } from '../model/webhook-body.js'
import { bodyText } from '../model/webhook-format.js'
import type { BodyCipher } from '../secrets/body-cipher.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import type { Answer } from './answers.js'
import { type CountedLoader, createCountedLoader, shown } from './counted-loader.js'

/** Each call after the first counts it again. */
export type Exchange = () => ShownExchange
/** In the format that an attempt sent. Each call after the first counts it again. */
export type WebhookBody = (format: WebhookFormat) => string

/** `$1` delivery ids, `$2` numbers of attempts. Both answer with the ids that `attemptId` makes. */
const sqlAttempts = `
  from unnest($1::uuid[], $2::int[]) as wanted (id, attempt)
  -- The limits make PostgreSQL look up each row by its key.
  cross join lateral (select * from deliveries where id = wanted.id limit 1) as d
  cross join lateral (
    select * from "deliveryLogs" where "deliveryId" = wanted.id and attempt = wanted.attempt limit 1
  ) as l`

const measureExchanges = forViewer(
  { name: 'measure-exchanges', parameters: 2 },
  ({ isVisible }) => `
    select ${sqlAttemptId('l')} as id, coalesce(octet_length(l.headers), 0) +
           coalesce(octet_length(l."responseBody"), 0) as bytes
    ${sqlAttempts} where ${isVisible('d')}`,
)

interface MeasureExchangesRow {
  id: string
  bytes: number
}

const readExchanges = forViewer(
  { name: 'read-exchanges', parameters: 2 },
  ({ isVisible }) => `
    select ${sqlAttemptId('l')} as id, l.connection, l.headers, l."responseBody"
    ${sqlAttempts} where ${isVisible('d')}`,
)

interface ReadExchangesRow {
  id: string
  connection: string | null
  headers: string | null
  responseBody: Buffer | null
}

export function createExchanges(
  { query }: VisibleDatabase,
  bodyCipher: BodyCipher,
  answer: Answer,
): CountedLoader<Exchange> {
  const columns = (ids: Iterable<string>): [string[], string[]] => {
    const pairs = [...ids].map((id) => id.split('/'))
    return [pairs.map(([id = '']) => id), pairs.map(([, attempt = '']) => attempt)]
  }
  return createCountedLoader(answer, {
    async measure(ids) {
      const rows = await query<MeasureExchangesRow>(measureExchanges, columns(ids))
      return new Map(rows.map((row) => [row.id, row]))
    },
    async read(sizes) {
      const rows = await query<ReadExchangesRow>(readExchanges, columns(sizes.keys()))
      return new Map(
        rows.map((row) => {
          const { id, responseBody } = row
          const body = responseBody === null ? undefined : bodyCipher.open(id, responseBody)
          return [id, () => shown(answer, exchangeFields(row, body), sizes.get(id)?.bytes ?? 0)]
        }),
      )
    },
  })
}

/** `$1` delivery ids. */
const measureWebhooks = forViewer(
  { name: 'measure-webhooks', parameters: 1 },
  ({ isVisible }) => `
    select d.id, octet_length(e.data::text) + coalesce(octet_length(e.metadata::text), 0) + ${WEBHOOK_FRAME_BYTES} as bytes
    from deliveries d join events e on e.id = d."eventId" where d.id = any($1::uuid[])
      and ${isVisible('d')}`,
)

interface MeasureWebhooksRow {
  id: string
  bytes: number
}

/** `$1` delivery ids. */
const readWebhooks = forViewer(
  { name: 'read-webhooks', parameters: 1 },
  ({ isVisible }) => `
    select d.id, ${sqlWebhookContent('e')}
    from deliveries d join events e on e.id = d."eventId" where d.id = any($1::uuid[])
      and ${isVisible('d')}`,
)

interface ReadWebhooksRow extends WebhookContent {
  id: string
}

export function createWebhookBodies({ query }: VisibleDatabase, answer: Answer): CountedLoader<WebhookBody> {
  return createCountedLoader(answer, {
    async measure(ids) {
      const rows = await query<MeasureWebhooksRow>(measureWebhooks, [ids])
      return new Map(rows.map((row) => [row.id, row]))
    },
    async read(sizes) {
      const rows = await query<ReadWebhooksRow>(readWebhooks, [[...sizes.keys()]])
      return new Map(
        rows.map((row) => [
          row.id,
          () => {
            const content = shown(answer, row, sizes.get(row.id)?.bytes ?? 0)
            return (format) => bodyText(format, content())
          },
        ]),
      )
    },
  })
}
