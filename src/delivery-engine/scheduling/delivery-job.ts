/**
 * What the queue carries: leases, and for first attempts what they need, so that the worker that takes the job asks the
 * database for nothing.
 */
import { memberTexts } from '../../events/raw-json.js'
import { snapshotOfNewDelivery } from '../../model/delivery-snapshot.js'
import { snapshotOfDispatchedEvent } from '../../model/event-snapshot.js'
import { payloadText, type WebhookContent } from '../../model/webhook-body.js'
import type { Changes } from '../../telemetry/changes.js'
import type { PreparedDelivery, PreparedEvent } from '../attempt/prepared-deliveries.js'
import type { Lease } from './lease.js'

/** The fields are the same in every version: processes of two versions may share a queue. */
export interface DeliveryJob {
  leases: Lease[]
  /** Absent when the deliveries are to be loaded. */
  prepared?: PreparedJob
}

/** Prepared deliveries as JSON. */
export interface PreparedJob {
  /** When they were created, ISO 8601. */
  acceptedAt: string
  events: QueuedEvent[]
  /** One for each lease, in the same order; `event` is a place in `events`. */
  deliveries: { event: number; subscriptionVersion: string; tenant?: string | null }[]
}

interface QueuedEvent {
  id: string
  type: string
  /** Absent in a job of the version before; so is that of a delivery. */
  tenant?: string | null
  idempotencyKey: string | null
  /** ISO 8601. */
  createdAt: string
  /**
   * The text of the webhook in the format STANDARD, from which the others are made; null when the worker is to load it.
   */
  body: string | null
  /** The event's deliveries, in the first job that has some of them; null in the others. */
  deliveryCount: number | null
}

/** Deliveries that one job carries: few enough to share work between workers, enough to need few jobs. */
const DELIVERIES_PER_JOB = 50
/** Bodies that one job carries. A larger one is loaded by the worker: Redis should not hold large payloads. */
const MAX_JOB_BYTES = 64 * 1024

/** A lease with what its first attempt needs. */
export interface PreparedLease {
  lease: Lease
  delivery: PreparedDelivery
}

export const toJobs = (leases: Lease[]): DeliveryJob[] =>
  chunks(leases, () => 0).map((leases) => ({ leases }))

export function toPreparedJobs(all: PreparedLease[], acceptedAt: Date): DeliveryJob[] {
  const counts = new Map<PreparedEvent, number>()
  for (const { delivery } of all) counts.set(delivery.event, (counts.get(delivery.event) ?? 0) + 1)
  /** Only its first job gets the count of an event. */
  function takeCount(event: PreparedEvent): number | null {
    const count = counts.get(event) ?? null
    counts.delete(event)
    return count
  }
  const jobs = chunks(all, ({ delivery: { event } }) => (isLarge(event) ? 0 : event.bytes))
  return jobs.map((prepared) => toPreparedJob(prepared, acceptedAt, takeCount))
}

const isLarge = ({ bytes }: PreparedEvent): boolean => bytes > MAX_JOB_BYTES

function toPreparedJob(
  prepared: PreparedLease[],
  acceptedAt: Date,
  takeCount: (event: PreparedEvent) => number | null,
): DeliveryJob {
  const events = [...new Set(prepared.map(({ delivery }) => delivery.event))]
  const places = new Map(events.map((event, place) => [event, place]))
  return {
    leases: prepared.map(({ lease }) => lease),
    prepared: {
      acceptedAt: acceptedAt.toISOString(),
      events: events.map((event) => writeEvent(event, takeCount(event))),
      deliveries: prepared.map(({ delivery: { event, subscriptionVersion, tenant } }) => ({
        event: places.get(event) as number,
        subscriptionVersion,
        tenant,
      })),
    },
  }
}

function writeEvent(event: PreparedEvent, deliveryCount: number | null): QueuedEvent {
  const { id, type, tenant, idempotencyKey, createdAt } = event
  const body = isLarge(event) ? null : Buffer.from(event.body()).toString()
  return { id, type, tenant, idempotencyKey, createdAt: createdAt.toISOString(), body, deliveryCount }
}

/** The prepared deliveries of a job, without those whose webhooks are to be loaded. */
export function readPrepared({ leases, prepared }: Required<DeliveryJob>): PreparedDelivery[] {
  const events = prepared.events.map(readEvent)
  return leases.flatMap(({ deliveryId, subscriptionId }, place) => {
    const { event, subscriptionVersion, tenant = null } = prepared.deliveries[place] ?? {}
    const found = event === undefined ? undefined : events[event]
    if (found === undefined || subscriptionVersion === undefined) return []
    return [{ id: deliveryId, subscriptionId, tenant, subscriptionVersion, event: found }]
  })
}

function readEvent({ body, ...queued }: QueuedEvent): PreparedEvent | undefined {
  if (body === null) return undefined
  const { id, type, tenant = null, idempotencyKey, createdAt } = queued
  const bytes = Buffer.from(body)
  const event = { id, type, tenant, idempotencyKey, createdAt: new Date(createdAt), bytes: bytes.length }
  let content: WebhookContent | undefined
  return { ...event, body: () => bytes, content: () => (content ??= readContent(event, body)) }
}

type EventHead = Pick<PreparedEvent, 'id' | 'type' | 'createdAt'>

function readContent({ id, type, createdAt }: EventHead, body: string): WebhookContent {
  const event = { eventId: id, type, createdAt }
  const members = memberTexts(payloadText(event, body))
  const metadata = members.get('metadata') ?? 'null'
  return { ...event, data: members.get('data') ?? '{}', metadata: metadata === 'null' ? null : metadata }
}

/** The new deliveries of a job and their events, for live updates. */
export function changesOfJob({ leases, prepared }: Required<DeliveryJob>): Changes {
  const at = new Date(prepared.acceptedAt)
  const eventOf = (place: number) => prepared.events[prepared.deliveries[place]?.event ?? -1]
  return {
    deliveries: () =>
      leases.flatMap(({ deliveryId: id, subscriptionId }, place) => {
        const eventId = eventOf(place)?.id
        const { tenant = null } = prepared.deliveries[place] ?? {}
        return eventId === undefined
          ? []
          : [snapshotOfNewDelivery({ id, eventId, subscriptionId, tenant }, at)]
      }),
    events: () =>
      prepared.events.flatMap(({ id, type, tenant = null, idempotencyKey, createdAt, deliveryCount }) => {
        if (deliveryCount === null) return []
        const event = { id, type, tenant, idempotencyKey, createdAt: new Date(createdAt), deliveryCount }
        return [snapshotOfDispatchedEvent(event, at)]
      }),
  }
}

/** Splits deliveries into those of one job each. */
function chunks<Item>(items: Item[], bytesOf: (item: Item) => number): Item[][] {
  const all: Item[][] = []
  let bytes = 0
  for (const item of items) {
    const last = all.at(-1)
    bytes += bytesOf(item)
    if (last !== undefined && last.length < DELIVERIES_PER_JOB && bytes <= MAX_JOB_BYTES) {
      last.push(item)
    } else {
      all.push([item])
      bytes = bytesOf(item)
    }
  }
  return all
}
