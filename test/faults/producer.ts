/**
 * The producers: a steady stream of events over every API process, however slow the answers are. They do what the
 * README tells producers to do: half of the events have an idempotency key and are sent again, over the next API
 * process, until one takes them; of the others each is sent once, and what became of an unanswered one is open. One
 * with an ordering key is sent when the one before of that key was taken, so which comes first is beyond doubt.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { compose, type Publication } from './events.js'
import type { Random } from './random.js'

export interface Producer extends AsyncDisposable {
  /** What was answered with 2xx, by event id. */
  accepted: Map<string, Accepted>
  /** The ids of what was accepted of each ordering key, in its order. */
  inOrder: Map<string, string[]>
  /** The numbers of events that were sent without a key and not answered with 2xx: they may exist or not. */
  unanswered: Set<number>
  /** Answers by status, and what kept answers from coming by its code. */
  answers: Map<string, number>
  /** The requests that a process which lives gave no answer to. */
  silences: Silence[]
  /** Two answers for one key that named different events. */
  contradictions: string[]
  sent: number
  slowestAnswerMs: number
  /** Publishes no new events; resolves once every event with a key was taken. */
  finish(): Promise<void>
}

interface Answer {
  /** Its status, or what kept it from coming. */
  outcome: string
  eventId?: string | undefined
  retryAfterMs?: number
}

export interface Silence {
  apiUrl: string
  /** By `performance.now()`. */
  askedAt: number
}

export interface Accepted {
  number: number
  type: string
  at: number
}

export interface ProducerOptions {
  apiUrls: string[]
  apiKey: string
  eventsPerSecond: number
  random: Random
}

const TICK_MS = 20
const ANSWER_TIMEOUT_MS = 15_000
/** What is counted where a process that lives gave no answer in that time. */
export const NO_ANSWER = 'no answer'
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 2000

export function startProducer({ apiUrls, apiKey, eventsPerSecond, random }: ProducerOptions): Producer {
  const accepted = new Map<string, Accepted>()
  const inOrder = new Map<string, string[]>()
  /** The last publication of each ordering key. */
  const last = new Map<string, Promise<void>>()
  const unanswered = new Set<number>()
  const answers = new Map<string, number>()
  const silences: Silence[] = []
  const contradictions: string[] = []
  const underWay = new Set<Promise<void>>()
  const agent = new Agent()
  let sent = 0
  let slowestAnswerMs = 0
  let isClosed = false

  const urlOf = (api: number) => apiUrls[api % apiUrls.length] as string

  async function post(api: number, publication: Publication, key: string | undefined): Promise<Answer> {
    const { statusCode, headers, body } = await request(`${urlOf(api)}/v1/events`, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'x-api-key': apiKey,
        'content-type': 'application/json',
        ...(key && { 'idempotency-key': key }),
      },
      body: JSON.stringify(publication),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    const { eventId } = (await body.json()) as { eventId?: string }
    return { outcome: String(statusCode), eventId, retryAfterMs: Number(headers['retry-after'] ?? 0) * 1000 }
  }

  async function tryOnce(api: number, publication: Publication, key?: string): Promise<Answer> {
    const askedAt = performance.now()
    const answer: Answer = await post(api, publication, key).catch((error) => ({
      outcome: error.name === 'TimeoutError' ? NO_ANSWER : String(error.code ?? error.message),
    }))
    const { outcome, eventId } = answer
    slowestAnswerMs = Math.max(slowestAnswerMs, performance.now() - askedAt)
    answers.set(outcome, (answers.get(outcome) ?? 0) + 1)
    if (outcome === NO_ANSWER) silences.push({ apiUrl: urlOf(api), askedAt })
    if (!outcome.startsWith('2') || eventId === undefined) return { ...answer, eventId: undefined }
    const { type, data } = publication
    if (!accepted.has(eventId)) accepted.set(eventId, { number: data.number, type, at: performance.now() })
    return answer
  }

  async function publishWithKey(publication: Publication, startAt: number): Promise<string> {
    const key = `key-${publication.data.number}`
    for (let waitMs = FIRST_RETRY_MS, api = startAt; ; waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      const { eventId, retryAfterMs = 0 } = await tryOnce(api++, publication, key)
      if (eventId !== undefined || isClosed) return eventId ?? ''
      await pause(Math.max(waitMs, retryAfterMs * Math.random()))
    }
  }

  async function publishInOrder(publication: Publication, orderingKey: string): Promise<void> {
    await last.get(orderingKey)
    if (isClosed) return
    const eventId = await publishWithKey(publication, publication.data.number)
    const before = inOrder.get(orderingKey)
    if (before === undefined) inOrder.set(orderingKey, [eventId])
    else before.push(eventId)
  }

  async function publish(number: number): Promise<void> {
    const publication = compose(number, random)
    const { orderingKey } = publication
    if (orderingKey !== undefined) {
      const publishing = publishInOrder(publication, orderingKey)
      last.set(orderingKey, publishing)
      return publishing
    }
    if (number % 2 === 0) {
      const { eventId } = await tryOnce(number >> 1, publication)
      if (eventId === undefined) unanswered.add(number)
      return
    }
    // Every fifth of these is sent over two API processes at the same instant.
    const copies = number % 10 === 1 ? [number, number + 1] : [number >> 1]
    const ids = new Set(await Promise.all(copies.map((api) => publishWithKey(publication, api))))
    if (ids.size > 1) contradictions.push(`key-${number}: ${[...ids].join(' and ')}`)
  }

  const startedAt = performance.now()
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * eventsPerSecond)
    while (sent < due) {
      const publishing = publish(sent++).finally(() => underWay.delete(publishing))
      underWay.add(publishing)
    }
  }, TICK_MS)

  return {
    ...{ accepted, inOrder, unanswered, answers, silences, contradictions },
    get sent() {
      return sent
    },
    get slowestAnswerMs() {
      return slowestAnswerMs
    },
    async finish() {
      clearInterval(timer)
      await Promise.all(underWay)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      isClosed = true
      await agent.destroy()
      await Promise.allSettled(underWay)
    },
  }
}
