/**
 * The states of a delivery, and how it moves between them. Each change of a status is one of these transitions, made
 * by an UPDATE that names the states it may start from: a late or repeated result can't undo a newer one.
 *
 *            ┌──────────────── retry ────────────────┐
 *            ▼                                       │
 *   ┌──── PENDING ── failed, tries left ──▶ FAILED ──┤
 *   │        │                              │  │  ▲  │
 *   │ 2xx    │ out of tries, 410, cancel    │  │  └── failed, tries left
 *   ▼        ▼                              │  ▼
 *  SENT     DEAD ◀── out of tries, cancel ──┘ SENT
 *   │        └──── retry ──▶ PENDING
 *   └───────────── replay ─▶ PENDING
 */
import { DeliveryStatus, type EventStatus } from '../generated/prisma/enums.js'

/** A delivery in one of these states is open: another attempt is to come. */
export const openStates = ['PENDING', 'FAILED'] as const satisfies readonly DeliveryStatus[]

export const isOpen = (status: DeliveryStatus): boolean =>
  (openStates as readonly DeliveryStatus[]).includes(status)

type FinalState = Exclude<DeliveryStatus, (typeof openStates)[number]>

const isFinal = (state: DeliveryStatus): state is FinalState => !isOpen(state)

/** All other states: no attempt is to come, unless a user asks for a retry. */
export const finalStates: readonly FinalState[] = Object.values(DeliveryStatus).filter(isFinal)

export const transitions = {
  /** An attempt was recorded: SENT, FAILED or DEAD, see `decideOutcome` in the delivery engine. */
  attempt: { from: openStates },
  /** A user asked for a retry: PENDING, with a new budget of attempts. */
  retry: { from: ['FAILED', 'DEAD'] },
  /** A replay makes it once more: PENDING, with a new budget of attempts. What is PENDING is made anyway. */
  replay: { from: ['SENT', 'FAILED', 'DEAD'] },
  /** A user discarded it: DEAD as before, but no dead letter any more. A retry or a replay takes that back. */
  discard: { from: ['DEAD'] },
  /** A user cancelled it, or its subscription was deleted: DEAD. */
  cancel: { from: openStates },
} as const satisfies Record<string, { from: readonly DeliveryStatus[] }>

/** SQL: a list of states, for `in (…)`. */
export const sqlStates = (states: readonly (DeliveryStatus | EventStatus)[]): string =>
  states.map((state) => `'${state}'`).join(', ')

/**
 * SQL: the delivery `d`, which was found by another condition, is open. Written so that PostgreSQL uses no index for
 * it: it would read an index on the status from end to end, and millions of deliveries may be open.
 */
export const sqlIsOpen = (d: string): string => `${d}.status not in (${sqlStates(finalStates)})`

/** SQL: the delivery `d` is open and not leased. It is the condition of the partial indexes on waiting deliveries. */
export const sqlIsWaiting = (d: string): string =>
  `${d}."queuedUntil" is null and ${d}.status in (${sqlStates(openStates)})`

/** SQL: the delivery `d` is a dead letter. It is the condition of the partial index on them. */
export const sqlIsDeadLetter = (d: string): string => `${d}.status = 'DEAD' and ${d}."discardedAt" is null`

/** The states of an event that has no open delivery and gets no new one. */
export const finalEventStates = [
  'DELIVERED',
  'PARTIALLY_DELIVERED',
  'DEAD',
  'UNMATCHED',
  'CANCELLED',
] as const satisfies readonly EventStatus[]

/** SQL: the event `e` is in one of these. One in the outbox is not finished, whatever its status says. */
export const sqlIsFinished = (e: string): string =>
  `${e}.status in (${sqlStates(finalEventStates)}) and not exists (select from outbox o where o."eventId" = ${e}.id)`

/** SQL: the status of a dispatched event, from its counts. The arguments are SQL expressions. */
export const sqlEventStatus = (deliveries: string, sent: string, dead: string): string =>
  `
  (case
    when ${deliveries} = 0 then 'UNMATCHED'
    when ${sent} + ${dead} < ${deliveries} then 'PROCESSING'
    when ${dead} = 0 then 'DELIVERED'
    when ${sent} = 0 then 'DEAD'
    else 'PARTIALLY_DELIVERED'
  end)::"EventStatus"`
