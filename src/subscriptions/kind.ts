/** What a subscription of each kind must have, and what has no meaning for it. */
import { badInput, type ServiceError } from '../errors.js'
import type { SubscriptionKind } from '../generated/prisma/enums.js'

/** As both faces document it. */
export const KIND_FORM =
  'How deliveries reach the consumer: `WEBHOOK` posts them to `endpointUrl`; with `PULL` there is no URL, and the ' +
  "consumer takes them from the subscription's feed. `WEBHOOK` when it is absent. It can't be changed."

/** Of a request to an endpoint, which a subscription of kind PULL does not have. */
const ofRequests = [
  'endpointUrl',
  'validate',
  'maxRequestsPerSecond',
  'maxInFlight',
  'headers',
  'secretHeaders',
  'auth',
  'clientCertificate',
] as const

interface Checked extends Partial<Record<(typeof ofRequests)[number], unknown>> {
  kind?: SubscriptionKind | undefined
  format?: string | undefined
}

/** @throws ServiceError BAD_USER_INPUT */
export function checkKind({ kind = 'WEBHOOK', ...fields }: Checked): void {
  if (kind === 'WEBHOOK') {
    if (fields.endpointUrl == null) throw needsEndpoint()
    return
  }
  const errors = ofRequests
    .filter((path) => isGiven(fields[path]))
    .map((path) => ({
      path: path as string,
      message: 'has no meaning for a subscription of kind PULL: it calls no endpoint',
    }))
  if (fields.format === 'CLOUDEVENTS_BINARY')
    errors.push({ path: 'format', message: 'must be STANDARD or CLOUDEVENTS_STRUCTURED for kind PULL' })
  if (errors.length > 0) throw badInput(errors)
}

const needsEndpoint = (): ServiceError =>
  badInput([{ path: 'endpointUrl', message: 'is required, unless kind is PULL' }])

/** Whether a field says anything: an empty map says nothing. */
function isGiven(value: unknown): boolean {
  if (value == null || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}
