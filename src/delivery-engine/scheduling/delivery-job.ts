/**
 * What the queue carries: leases, and for first attempts what they need, so that the worker that takes the job asks the
 * database for nothing.
 */
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
  /** Times are ISO 8601; `body` is the text of the webhook. */
  events: { id: string; type: string; idempotencyKey: string | null; createdAt: string; body: string }[]
  /** One for each lease, in the same order; `event` is a place in `events`. */
  deliveries: { event: number; subscriptionVersion: string }[]
}

/** Deliveries that one job carries: few enough to share work between workers, enough to need few jobs. */
const DELIVERIES_PER_JOB = 50
/** Bodies that one job carries. A delivery with a larger one is loaded: Redis should not hold large payloads. */
const MAX_JOB_BYTES = 64 * 1024

/** A lease with what its first attempt needs. */
export interface PreparedLease {
  lease: Lease
  delivery: PreparedDelivery
}

export const toJobs = (leases: Lease[]): DeliveryJob[] =>
  chunks(leases, () => 0).map((leases) => ({ leases }))

export function toPreparedJobs(all: PreparedLease[], acceptedAt: Date): DeliveryJob[] {
  const isLarge = ({ delivery }: PreparedLease) => delivery.event.bytes > MAX_JOB_BYTES
  const large = all.filter(isLarge).map(({ lease }) => lease)
  const others = chunks(
    all.filter((prepared) => !isLarge(prepared)),
    ({ delivery }) => delivery.event.bytes,
  )
  return [...toJobs(large), ...others.map((prepared) => toPreparedJob(prepared, acceptedAt))]
}

function toPreparedJob(prepared: PreparedLease[], acceptedAt: Date): DeliveryJob {
  const events = [...new Set(prepared.map(({ delivery }) => delivery.event))]
  const places = new Map(events.map((event, place) => [event, place]))
  return {
    leases: prepared.map(({ lease }) => lease),
    prepared: {
      acceptedAt: acceptedAt.toISOString(),
      events: events.map(writeEvent),
      deliveries: prepared.map(({ delivery: { event, subscriptionVersion } }) => ({
        event: places.get(event) as number,
        subscriptionVersion,
      })),
    },
  }
}

/** The prepared deliveries of a job. */
export function readPrepared({ leases, prepared }: Required<DeliveryJob>): PreparedDelivery[] {
  const events = prepared.events.map(readEvent)
  return leases.flatMap(({ deliveryId, subscriptionId }, place) => {
    const { event, subscriptionVersion } = prepared.deliveries[place] ?? {}
    const found = event === undefined ? undefined : events[event]
    if (found === undefined || subscriptionVersion === undefined) return []
    return [{ id: deliveryId, subscriptionId, subscriptionVersion, event: found }]
  })
}

const writeEvent = (event: PreparedEvent): PreparedJob['events'][number] => {
  const { id, type, idempotencyKey, createdAt } = event
  const body = Buffer.from(event.body()).toString()
  return { id, type, idempotencyKey, createdAt: createdAt.toISOString(), body }
}

function readEvent({
  id,
  type,
  idempotencyKey,
  createdAt,
  body,
}: PreparedJob['events'][number]): PreparedEvent {
  const bytes = Buffer.from(body)
  return {
    ...{ id, type, idempotencyKey, createdAt: new Date(createdAt), bytes: bytes.length },
    body: () => bytes,
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
