/**
 * The judge: when all faults are over and everything has settled, were the promises kept? It believes the
 * producers about what was accepted and the endpoints about what arrived, and holds the tables against both.
 */
import { createClient } from '../support/client.js'
import { type BreakerFigures, checkBreakers } from './breaker.js'
import { type Duplicate, explainLate, findDuplicates } from './duplicates.js'
import type { Endpoint } from './endpoints.js'
import type { Find, Finding } from './findings.js'
import { type Past, seconds, sinceFault } from './moments.js'
import { checkOrders, type OrderFigures } from './ordering.js'
import { type Accepted, NO_ANSWER, type Producer } from './producer.js'
import {
  checkMetrics,
  checkStats,
  checkTables,
  endsOfOrdered,
  exchangesWithoutAnswer,
  type StoredEvent,
  storedEvents,
} from './tables.js'
import { PATIENT } from './tempers.js'
import { until } from './until.js'
import type { World } from './world.js'

export interface Verification {
  findings: Finding[]
  duplicates: Duplicate[]
  events: { stored: number; byStatus: Record<string, number> }
  deliveries: Record<string, number>
  /** The longest time from an event's acceptance to its first arrival at an endpoint. */
  longestWaitMs: number
  breakers: BreakerFigures
  orders: OrderFigures
}

const HEALTH_TIMEOUT_MS = 30_000
/** What the contract has for what producers send here. A broken connection is the answer of a process that died. */
const lawfulStatuses = new Set(['200', '202', '503'])

export async function verifyPromises(world: World, producer: Producer, past: Past[]): Promise<Verification> {
  const findings: Finding[] = []
  const find: Find = (promise, id, detail) => void findings.push({ promise, id, detail })
  const { postgres, endpoints, apis, apiKey } = world

  await checkProcesses(world, find)
  await checkTables(postgres, find)
  for (const api of apis) {
    const stats = await createClient(api.url, apiKey).get('/v1/stats')
    await checkStats(postgres, stats.body, find)
  }
  await checkMetrics(postgres, find)
  checkAnswers(producer, find)
  checkSilences(world, producer, past, find)
  for (const what of endpoints.spoiled) find('webhook', what, 'not genuine or not whole')

  const breakers = await checkBreakers(world, past, find)
  const duplicates = [...findDuplicates(endpoints.all, past)]
  explainLate(duplicates, past, await unheardAnswers(world, duplicates))
  for (const { eventId, endpoint, cause, story } of duplicates) {
    if (cause === undefined) find('duplicate', eventId, `at ${endpoint}, explained by no fault: ${story}`)
  }
  const orders = checkOrders(endpoints.all, producer.inOrder, await endsInOrder(world), past, find)
  return { findings, duplicates, breakers, orders, ...(await judgeEvents(world, producer, find)) }
}

async function checkProcesses({ apis, workers, uncausedExits }: World, find: Find): Promise<void> {
  for (const exit of uncausedExits) {
    find('process', exit.process, `ended with ${exit.how}:\n${exit.lastWords.join('\n')}`)
  }
  for (const { name, isHealthy } of [...apis, ...workers]) {
    await until(`${name} is healthy`, isHealthy, { timeoutMs: HEALTH_TIMEOUT_MS }).catch((error: Error) =>
      find('process', name, error.message),
    )
  }
}

function checkAnswers({ answers, contradictions }: Producer, find: Find): void {
  for (const [outcome, count] of answers) {
    const isUnlawful = /^\d+$/.test(outcome) && !lawfulStatuses.has(outcome)
    if (isUnlawful) find('answer', outcome, `${count} times`)
  }
  for (const what of contradictions) find('idempotency', what, 'one key, and two events')
}

function checkSilences({ apis }: World, { silences }: Producer, past: Past[], find: Find): void {
  for (const { name, url } of apis) {
    const asked = silences.filter(({ apiUrl }) => apiUrl === url).map(({ askedAt }) => askedAt)
    const [first, last] = [asked[0], asked.at(-1)]
    if (first === undefined || last === undefined) continue
    const from = sinceFault(first, past)
    find(
      'answer',
      NO_ANSWER,
      `${asked.length} times by ${name}, asked within ${seconds(last - first)}${from}`,
    )
  }
}

/** Which of the duplicates have a log of an exchange that brought no answer. */
async function unheardAnswers({ postgres, subscriptions }: World, duplicates: Duplicate[]) {
  const eventIds = duplicates.filter(({ cause }) => cause === undefined).map(({ eventId }) => eventId)
  const unheard = await exchangesWithoutAnswer(postgres, eventIds)
  const names = new Set(unheard.map((one) => `${one.eventId} ${subscriptions.get(one.subscriptionId)}`))
  return ({ eventId, endpoint }: Duplicate) => names.has(`${eventId} ${endpoint}`)
}

/** How each event with an ordering key has ended at an endpoint. */
async function endsInOrder({ postgres, subscriptions }: World) {
  const ends = new Map(
    (await endsOfOrdered(postgres)).map(({ eventId, subscriptionId, status }) => [
      `${eventId} ${subscriptions.get(subscriptionId)}`,
      status,
    ]),
  )
  return (eventId: string, endpoint: string) => ends.get(`${eventId} ${endpoint}`)
}

/** Each event in the tables, and each that should be there. */
async function judgeEvents({ postgres, endpoints, subscriptions }: World, producer: Producer, find: Find) {
  const endpointOf = new Map(endpoints.all.map((endpoint) => [endpoint.name, endpoint]))
  const byStatus: Record<string, number> = {}
  const deliveries: Record<string, number> = {}
  const missing = new Map(producer.accepted)
  const keys = new Set<string>()
  let stored = 0
  let longestWaitMs = 0

  for await (const event of storedEvents(postgres)) {
    stored += 1
    byStatus[event.status] = (byStatus[event.status] ?? 0) + 1
    for (const status of Object.values(event.deliveries)) deliveries[status] = (deliveries[status] ?? 0) + 1
    const accepted = missing.get(event.id)
    missing.delete(event.id)
    checkOrigin(event, accepted)
    if (event.status === 'PENDING') {
      find('lost', event.id, `${event.type} ${event.number} is stored, and was never dispatched`)
      continue
    }
    const endedAs = new Map(
      Object.entries(event.deliveries).map(([id, status]) => [subscriptions.get(id), status]),
    )
    for (const { name, eventTypes, received } of endpointOf.values()) {
      const wanted = eventTypes.includes(event.type)
      checkDelivery(event, name, wanted, endedAs.get(name), received)
      const firstAt = received.get(event.id)?.[0]?.arrivedAt
      if (firstAt && accepted) longestWaitMs = Math.max(longestWaitMs, firstAt - accepted.at)
    }
  }
  for (const [id, { number, type }] of missing)
    find('lost', id, `${type} ${number} was accepted; no such event`)
  return { events: { stored, byStatus }, deliveries, longestWaitMs }

  function checkOrigin({ id, number, idempotencyKey }: StoredEvent, accepted: Accepted | undefined): void {
    if (accepted === undefined && (idempotencyKey !== null || !producer.unanswered.has(number))) {
      find('idempotency', id, `event ${number} was not accepted under this id, and is there`)
    }
    if (idempotencyKey === null) return
    if (keys.has(idempotencyKey)) find('idempotency', id, `a second event with the key ${idempotencyKey}`)
    keys.add(idempotencyKey)
  }

  function checkDelivery(
    event: StoredEvent,
    endpoint: string,
    wanted: boolean,
    status: string | undefined,
    received: Endpoint['received'],
  ): void {
    const requests = received.get(event.id) ?? []
    const wasTaken = requests.some(({ status }) => status >= 200 && status < 300)
    if (!wanted) {
      if (status !== undefined || requests.length > 0) find('webhook', event.id, `${endpoint} didn't want it`)
      return
    }
    // That the logs explain a DEAD one, and that nothing else is left open, is for the tables to show.
    if (status === undefined) find('lost', event.id, `${event.status}, and no delivery to ${endpoint}`)
    else if (status === 'DEAD' && endpoint === PATIENT)
      find('lost', event.id, `DEAD at ${endpoint}, which got well`)
    else if (status === 'SENT' && !wasTaken) find('lost', event.id, `SENT, and ${endpoint} never took it`)
  }
}
