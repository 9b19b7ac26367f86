/**
 * The states of a delivery, and how it moves between them. Every change of a status is one of these, carried
 * out by an UPDATE that names the states it may start from: a late or doubled result can't undo a newer one.
 *
 *            ┌──────────────── retry ────────────────┐
 *            ▼                                       │
 *   ┌──── PENDING ── failed, tries left ──▶ FAILED ──┤
 *   │        │                              │  │  ▲  │
 *   │ 2xx    │ out of tries, 410, cancel    │  │  └── failed, tries left
 *   ▼        ▼                              │  ▼
 *  SENT     DEAD ◀── out of tries, cancel ──┘ SENT
 *            └──── retry ──▶ PENDING
 */
import type { DeliveryStatus } from '../generated/prisma/enums.js'

export const transitions = {
  /** An attempt ended: SENT, FAILED or DEAD, see `decideOutcome` in the delivery engine. */
  attempt: { from: ['PENDING', 'FAILED'] },
  /** A person asked for another try: PENDING, with a new budget of attempts. */
  retry: { from: ['FAILED', 'DEAD'] },
  /** A person called it off, or its subscription was deleted: DEAD. */
  cancel: { from: ['PENDING', 'FAILED'] },
} as const satisfies Record<string, { from: readonly DeliveryStatus[] }>

/** A list of states for a hand-written statement. */
export const sqlStates = (states: readonly DeliveryStatus[]): string => states.map((s) => `'${s}'`).join(', ')

/** The states in which a delivery has its next attempt before it. */
export const openStates = transitions.attempt.from

/** The states in which nothing more is to come, unless a person asks for a retry. */
export const finalStates = ['SENT', 'DEAD'] as const satisfies readonly DeliveryStatus[]

/**
 * SQL: the delivery `d`, which something else has found, has its next attempt before it. Written so that no index
 * answers to it: one on the status would be read from end to end, and there may be millions that wait.
 */
export const sqlIsOpen = (d: string): string => `${d}.status not in (${sqlStates(['SENT', 'DEAD'])})`

/**
 * The status of an event that has been dispatched, from its counts, for a hand-written statement. The
 * arguments are SQL expressions.
 */
export const sqlEventStatus = (deliveries: string, sent: string, dead: string): string =>
  `
  (case
    when ${deliveries} = 0 then 'UNMATCHED'
    when ${sent} + ${dead} < ${deliveries} then 'PROCESSING'
    when ${dead} = 0 then 'DELIVERED'
    when ${sent} = 0 then 'DEAD'
    else 'PARTIALLY_DELIVERED'
  end)::"EventStatus"`
