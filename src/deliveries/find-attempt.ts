/** One attempt of a delivery, whole: what was sent, and what was answered. */
import { notFound } from '../errors.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import { attemptId, connectionFields, exchangeFields, formatOf } from '../model/attempt-details.js'
import { sqlWebhookContent, type WebhookContent } from '../model/webhook-body.js'
import { bodyText } from '../model/webhook-format.js'
import { isUuid } from '../platform/uuid.js'
import type { BodyCipher } from '../secrets/body-cipher.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'
import { visibleConnection } from './visible-connection.js'

/** `$1` the delivery's id, `$2` the number of the attempt. */
const findAttemptStatement = forViewer(
  { name: 'find-attempt', parameters: 2 },
  ({ isVisible }) => `
    select l.attempt, l.status, l."statusCode", l.error, l."responseTimeMs", l."createdAt" as "recordedAt",
           l.connection, l.headers, l."responseBody",
           ${sqlWebhookContent('e')}
    from "deliveryLogs" l
    join deliveries d on d.id = l."deliveryId"
    join events e on e.id = d."eventId"
    where l."deliveryId" = $1 and l.attempt = $2 and ${isVisible('d')}`,
)

interface FindAttemptRow extends WebhookContent {
  attempt: number
  status: DeliveryStatus
  statusCode: number | null
  error: string | null
  responseTimeMs: number
  recordedAt: Date
  connection: string | null
  headers: string | null
  responseBody: Buffer | null
}

export type WholeAttempt = Awaited<ReturnType<typeof findAttempt>>

const isNumber = (text: string): boolean => /^[1-9]\d{0,8}$/.test(text)

export interface AttemptContext {
  database: VisibleDatabase
  bodyCipher: BodyCipher
}

/** @throws ServiceError NOT_FOUND */
export async function findAttempt(context: AttemptContext, deliveryId: string, attempt: string) {
  const canExist = isUuid(deliveryId) && isNumber(attempt)
  const [row] = canExist
    ? await context.database.query<FindAttemptRow>(findAttemptStatement, [deliveryId, attempt])
    : []
  if (row === undefined) throw notFound('attempt', `${deliveryId}/logs/${attempt}`)
  const { status, statusCode, error, responseTimeMs, recordedAt, connection } = row
  const stored = row.responseBody
  const body =
    stored === null ? undefined : context.bodyCipher.open(attemptId(deliveryId, row.attempt), stored)
  const { request, response } = exchangeFields(row, body)
  return {
    ...{ attempt: row.attempt, status, statusCode, error, responseTimeMs, createdAt: recordedAt },
    ...visibleConnection(context.database, connectionFields(connection, responseTimeMs)),
    request: request && { ...request, body: bodyText(formatOf(connection), row) },
    response,
  }
}
