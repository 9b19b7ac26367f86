/** The answers that show attempts: in a list without what was sent and answered, and one of them whole. */

import { z } from 'zod'
import type { WholeAttempt } from '../deliveries/find-attempt.js'
import { visibleConnection } from '../deliveries/visible-connection.js'
import type { DeliveryLog } from '../generated/prisma/client.js'
import { connectionFields } from '../model/attempt-details.js'
import type { Viewer } from '../tenants/viewer.js'
import { deliveryStatus, id, time } from './basic-shapes.js'

const duration = z.int().nullable()
const headers = z
  .record(z.string(), z.string())
  .meta({ description: 'By name, in lower case. The values of secret headers are `[redacted]`.' })

const timingsShape = z
  .object({
    dnsMs: duration,
    connectMs: duration,
    tlsMs: duration,
    firstByteMs: duration.meta({ description: 'From the request to the first byte of the answer.' }),
    totalMs: z.int(),
  })
  .meta({
    id: 'AttemptTimings',
    description: 'Milliseconds of each phase; null for one that did not happen or did not end.',
  })

export const deliveryLogShape = z
  .object({
    attempt: z.int(),
    status: deliveryStatus,
    statusCode: z.int().nullable(),
    error: z.string().nullable(),
    responseTimeMs: z.int(),
    timings: timingsShape,
    remoteAddress: z.string().nullable().meta({
      description:
        'The address of the endpoint, or of the outgoing proxy; null when there was no connection.',
    }),
    isConnectionReused: z.boolean().nullable().meta({
      description: 'Whether an earlier exchange used the connection; null when there was none.',
    }),
    httpVersion: z.string().nullable(),
    worker: z.string().nullable().meta({
      description: 'The process that made the attempt: the name of its machine, a slash, its process id.',
    }),
    createdAt: time,
  })
  .meta({ id: 'DeliveryLog', description: 'One HTTP attempt of a delivery.' })

export const attemptShape = deliveryLogShape
  .extend({
    request: z.object({ headers, body: z.string() }).nullable().meta({
      id: 'AttemptRequest',
      description: 'As it was sent; null when none could be made, or it was erased.',
    }),
    response: z
      .object({
        headers,
        body: z
          .string()
          .nullable()
          .meta({
            description:
              'At most 16 KiB; null where none is kept. Bytes that are no UTF-8 are shown as U+FFFD. Kept are those of ' +
              'failed attempts and of tests, unless `LOG_RESPONSE_BODIES` says otherwise.',
          }),
        isTruncated: z
          .boolean()
          .meta({ description: 'Whether the answer had more than this, or should have.' }),
      })
      .nullable()
      .meta({ id: 'AttemptResponse', description: 'As it came; null when none did, or it was erased.' }),
  })
  .meta({ id: 'Attempt', description: 'A delivery log, with what was sent and answered.' })

export const testEventShape = z
  .object({ eventId: id, deliveryId: id, log: attemptShape })
  .meta({ id: 'SentTestEvent', description: 'A test event, and its only attempt.' })

type LogRow = Omit<DeliveryLog, 'headers' | 'responseBody'>

export const toDeliveryLog = ({ connection, ...row }: LogRow, viewer: Viewer) => ({
  attempt: row.attempt,
  status: row.status,
  statusCode: row.statusCode,
  error: row.error,
  responseTimeMs: row.responseTimeMs,
  ...visibleConnection(viewer, connectionFields(connection, row.responseTimeMs)),
  createdAt: row.createdAt.toISOString(),
})

export const toAttempt = ({ createdAt, ...attempt }: WholeAttempt) => ({
  ...attempt,
  createdAt: createdAt.toISOString(),
})
