import type { NewSubscription } from './candidate.js'

/** What became of a subscription, for a line of the report. */
export interface Outcome {
  verdict: 'created' | 'exists' | 'refused'
  /** Its id and, where it was made here, its secret; or why it was not created. */
  detail: string
}

/** The service can't be asked, so the ones that follow need not be tried. */
export class ServiceUnavailable extends Error {}

/** @throws ServiceUnavailable when it is away or does not take the key */
export async function createSubscription(
  { url, key }: { url: string; key: string },
  subscription: NewSubscription,
): Promise<Outcome> {
  const response = await fetch(`${url}/v1/subscriptions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'X-API-Key': key },
    body: JSON.stringify(subscription),
  }).catch((error: Error) => {
    throw new ServiceUnavailable(`${url} can't be reached: ${(error.cause as Error | undefined)?.message}`)
  })
  const body = await response.json().catch(() => ({}))
  const detail: string = body.detail ?? `it answered ${response.status}`
  if (response.status === 201)
    return { verdict: 'created', detail: subscription.secret ? body.id : `${body.id}, secret ${body.secret}` }
  if (response.status === 409) return { verdict: 'exists', detail }
  if (response.status !== 400) throw new ServiceUnavailable(`${url} did not create it: ${detail}`)
  const problems: { path: string; message: string }[] = body.errors ?? []
  return {
    verdict: 'refused',
    detail: problems.map(({ path, message }) => `${path}: ${message}`).join('; ') || detail,
  }
}
