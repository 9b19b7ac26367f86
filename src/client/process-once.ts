/**
 * For receivers: processes a webhook once, though it may arrive several times. The service sends it again, with the
 * same id, when it did not see the answer.
 */

/**
 * Remembers which webhooks were processed, for all processes of a receiver. Each method is one atomic step: an insert
 * without conflict in SQL, `SET … NX` in Redis.
 */
export interface WebhookStore {
  /**
   * Takes a webhook for as many seconds, unless it is `DONE` already, or `BUSY` because another token has it.
   *
   * @param token of this attempt to process it
   */
  take(id: string, token: string, leaseSeconds: number): Promise<'TAKEN' | 'BUSY' | 'DONE'>
  /** It was processed. After so many seconds it may be forgotten. */
  finish(id: string, keepSeconds: number): Promise<unknown>
  /** It was not processed: the next attempt may take it at once, if this token still has it. */
  giveBack(id: string, token: string): Promise<unknown>
}

export interface ProcessOnceOptions {
  store: WebhookStore
  /** Longer than processing takes. When a process dies, its webhook can be taken again after this time. */
  leaseSeconds?: number
  /** Longer than the service goes on with a delivery, retries by hand among them. A week unless given. */
  keepSeconds?: number
}

/** Another process is at work on this webhook. Answer 503: if that one fails, the service sends it again. */
export class WebhookBusyError extends Error {
  override name = 'WebhookBusyError'

  constructor(id: string) {
    super(`The webhook ${id} is being processed elsewhere.`)
  }
}

const WEEK_SECONDS = 604_800

/**
 * Calls `handle` unless this webhook was processed before. When `handle` fails, the webhook counts as not processed.
 *
 * @param event as `verifyWebhook` returns it
 * @throws WebhookBusyError, and what `handle` or the store throws
 */
export async function processOnce<Event extends { id: string }>(
  event: Event,
  { store, leaseSeconds = 60, keepSeconds = WEEK_SECONDS }: ProcessOnceOptions,
  handle: (event: Event) => Promise<unknown>,
): Promise<'PROCESSED' | 'DUPLICATE'> {
  const { id } = event
  const token = crypto.randomUUID()
  const taken = await store.take(id, token, leaseSeconds)
  if (taken === 'DONE') return 'DUPLICATE'
  if (taken === 'BUSY') throw new WebhookBusyError(id)
  try {
    await handle(event)
  } catch (error) {
    // The failure of the work is what the caller has to know. A lease that is not given back runs out.
    await store.giveBack(id, token).catch(() => {})
    throw error
  }
  await store.finish(id, keepSeconds)
  return 'PROCESSED'
}
