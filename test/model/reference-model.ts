/**
 * What the tables should hold, in the plainest terms: nothing is batched, leased by SQL or raced here. Each function
 * is one thing that may happen; what it leaves behind is compared with the database.
 */
import type { DeliveryStatus, EventStatus } from '../../src/generated/prisma/enums.js'
import { noteHealth, type PicturedHealth } from './breaker.js'

export interface ReferenceModel {
  maxAttempts: number
  subscriptions: PicturedSubscription[]
  events: PicturedEvent[]
  /** Whether the matcher knows every change of a subscription. */
  isMatchCurrent: boolean
  /** The last place that was given in the order of any key. */
  lastPlace: number
}

export interface PicturedSubscription {
  id: string
  /** `*` is every type. */
  type: string
  isEnabled: boolean
  isDeleted: boolean
  isOrdered: boolean
  url: string
  /** The newest first. */
  secrets: [string, ...string[]]
  /** Counts the changes of its URL, and of whether it is enabled: a 410 counts only for the version it answers. */
  version: number
  /** Undefined before its first attempt. */
  health: PicturedHealth | undefined
}

export interface PicturedEvent {
  id: string
  type: string
  idempotencyKey: string | null
  orderingKey: string | null
  /** In the order of its key; 0 without one, and while it waits for its time. */
  place: number
  /** Whether it waits for its time, or was cancelled while it did. */
  isScheduled: boolean
  isCancelled: boolean
  /** Whether it has a time to expire at, and whether that is over. */
  canExpire: boolean
  hasExpired: boolean
  isDispatched: boolean
  deliveries: PicturedDelivery[]
}

export interface PicturedDelivery {
  event: PicturedEvent
  subscription: PicturedSubscription
  /** Known once it was seen in the database. */
  id: string | undefined
  status: DeliveryStatus
  budgetFrom: number
  /** What each attempt made of it. */
  logs: DeliveryStatus[]
  /** The token of its lease; null while it waits. */
  token: string | null
  /** Whether its lease has run out, though nobody has noticed. */
  hasRunOut: boolean
  isDue: boolean
  /** Its ordering key, if its subscription was ordered when it was made. */
  line: string | null
  place: number
  /** Whether it waits for its turn in its line. Once it had that, it is like any other. */
  isInLine: boolean
  /** Whether its turn came because its subscription was not ordered. */
  isReleased: boolean
}

/** How an exchange ends, as far as it makes a difference. */
export type Outcome = 'success' | 'failure' | 'gone'

/** What an attempt has seen of its delivery as it began, and what its result is for. */
export interface Seen {
  attempts: number
  budgetFrom: number
  /** Of its subscription: an endpoint that is gone disables only the version that was called. */
  version: number
}

export const deliveriesOf = ({ events }: ReferenceModel) => events.flatMap(({ deliveries }) => deliveries)
export const isOpen = ({ status }: PicturedDelivery) => status === 'PENDING' || status === 'FAILED'
export const seen = ({ logs, budgetFrom, subscription }: PicturedDelivery): Seen => ({
  ...{ attempts: logs.length, budgetFrom, version: subscription.version },
})

export function turn(subscription: PicturedSubscription, isEnabled: boolean): void {
  subscription.isEnabled = isEnabled
  subscription.version++
}

/** Whether it is in the outbox. */
export const isInOutbox = ({ isScheduled, isCancelled, isDispatched }: PicturedEvent): boolean =>
  !isScheduled && !isCancelled && !isDispatched

/** It enters the outbox, at the end of its line. */
export function takePlace(model: ReferenceModel, event: PicturedEvent): void {
  if (event.orderingKey !== null) event.place = ++model.lastPlace
}

export function cancelEvent(event: PicturedEvent): boolean {
  event.isCancelled ||= event.isScheduled
  event.isScheduled = false
  return event.isCancelled
}

/** The subscriptions that want events of a type now. */
export const wanting = ({ subscriptions }: ReferenceModel, eventType: string): PicturedSubscription[] =>
  subscriptions.filter(({ type, isEnabled }) => isEnabled && (type === '*' || type === eventType))

export function dispatch(model: ReferenceModel, event: PicturedEvent): void {
  event.isDispatched = true
  event.deliveries = wanting(model, event.type).map((subscription) => ({
    ...{ event, subscription, id: undefined, status: 'PENDING', budgetFrom: 0, logs: [] },
    ...{ token: null, hasRunOut: false, isDue: true },
    ...{ line: subscription.isOrdered ? event.orderingKey : null, place: event.place, isReleased: false },
    isInLine: subscription.isOrdered && event.orderingKey !== null,
  }))
}

/** The result of an attempt. It counts only if the delivery still stands as the attempt has seen it. */
export function record(
  model: ReferenceModel,
  delivery: PicturedDelivery,
  { attempts, budgetFrom, version }: Seen,
  outcome: Outcome,
): boolean {
  if (
    !isOpen(delivery) ||
    delivery.isInLine ||
    delivery.logs.length !== attempts ||
    delivery.budgetFrom !== budgetFrom
  )
    return false
  const isLast = outcome === 'gone' || attempts + 1 - budgetFrom >= model.maxAttempts
  delivery.status = outcome === 'success' ? 'SENT' : isLast ? 'DEAD' : 'FAILED'
  delivery.logs.push(delivery.status)
  release(delivery)
  delivery.isDue = false
  const { subscription } = delivery
  noteHealth(subscription, version, outcome === 'success')
  if (outcome === 'gone' && subscription.version === version) {
    turn(subscription, false)
    model.isMatchCurrent = false
  }
  return true
}

/** Nobody holds it any more. */
export function release(delivery: PicturedDelivery): void {
  delivery.token = null
  delivery.hasRunOut = false
}

export function retry(model: ReferenceModel, delivery: PicturedDelivery): boolean {
  if (delivery.subscription.isDeleted || delivery.event.hasExpired) return false
  if (delivery.status !== 'FAILED' && delivery.status !== 'DEAD') return false
  // Others of its line may have been sent since.
  if (delivery.status === 'DEAD' && delivery.line !== null) {
    Object.assign(delivery, { place: ++model.lastPlace, isInLine: true, isReleased: false })
  }
  delivery.status = 'PENDING'
  delivery.budgetFrom = delivery.logs.length
  delivery.isDue = true
  return true
}

export function cancel(delivery: PicturedDelivery): boolean {
  if (!isOpen(delivery) || delivery.token !== null) return false
  delivery.status = 'DEAD'
  delivery.isDue = false
  return true
}

/** What an event's status is: once it is dispatched, from nothing but its deliveries. */
export function statusOf({ isScheduled, isCancelled, isDispatched, deliveries }: PicturedEvent): EventStatus {
  if (isCancelled) return 'CANCELLED'
  if (isScheduled) return 'SCHEDULED'
  if (!isDispatched) return 'PENDING'
  if (deliveries.length === 0) return 'UNMATCHED'
  if (deliveries.some(isOpen)) return 'PROCESSING'
  if (deliveries.every(({ status }) => status === 'SENT')) return 'DELIVERED'
  return deliveries.some(({ status }) => status === 'SENT') ? 'PARTIALLY_DELIVERED' : 'DEAD'
}
