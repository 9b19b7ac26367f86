/** What a delivery log keeps of an exchange, without secrets: the columns that are written with an attempt. */
import { attemptId, writeConnection, writeHeaders } from '../../model/attempt-details.js'
import { redactBytes } from '../../model/header-redaction.js'
import { processName } from '../../platform/process-name.js'
import type { BodyCipher } from '../../secrets/body-cipher.js'
import type { ExchangeTrace } from './exchange-trace.js'

/** Of which attempts the answer's body is kept. */
export type KeptBodies = 'none' | 'failed' | 'all'

export interface AttemptColumns {
  connection: string
  headers: string
  responseBody: Buffer | null
}

/** An attempt that is about to be recorded. */
export interface EndedAttempt {
  deliveryId: string
  attempt: number
  isFailed: boolean
  trace: ExchangeTrace
}

export type WriteColumns = (attempt: EndedAttempt) => AttemptColumns

export function createAttemptColumns(keptBodies: KeptBodies, cipher: BodyCipher): WriteColumns {
  return ({ deliveryId, attempt, isFailed, trace }) => {
    const { connection, firstByteMs, requestHeaders, form, responseHeaders, body, bodyBytes, secrets } = trace
    const headers = writeHeaders(requestHeaders, responseHeaders, secrets)
    const isTruncated = trace.isTruncated || headers.isTruncated
    const isKept = keptBodies === 'all' || (keptBodies === 'failed' && isFailed)
    return {
      connection: writeConnection(
        connection,
        { firstByteMs, isTruncated, worker: processName },
        form?.format ?? 'STANDARD',
      ),
      headers: headers.text,
      responseBody:
        isKept && responseHeaders !== undefined
          ? cipher.seal(attemptId(deliveryId, attempt), redactBytes(body.subarray(0, bodyBytes), secrets))
          : null,
    }
  }
}
