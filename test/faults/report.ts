/** The figures of a run, for people and for programs. */
import type { OrderFigures } from './ordering.js'
import type { Outcome, Progress } from './run.js'

export interface Report {
  seed: string
  minutes: number
  faults: { total: number; byKind: Record<string, number> }
  published: {
    sent: number
    accepted: number
    unanswered: number
    answers: Record<string, number>
    slowestAnswerSeconds: number
  }
  events: { stored: number; byStatus: Record<string, number> }
  deliveries: Record<string, number>
  requests: number
  lost: number
  duplicates: { total: number; explained: Record<string, number>; unexplained: number }
  breakers: {
    pauses: number
    probes: number
    recoveries: number
    slowestRecoverySeconds: number
    excused: number
  }
  orders: OrderFigures
  settledInSeconds: number
  /** From an event's acceptance to its first arrival at an endpoint. */
  longestWaitSeconds: number
  broken: Record<string, number>
}

export function summarise(outcome: Outcome): Report {
  const { seed, past, producer, requests, verification } = outcome
  const { findings, duplicates, events, deliveries, orders, longestWaitMs } = verification
  const { slowestRecoveryMs, ...breakers } = verification.breakers
  const broken = countByName(findings.map(({ promise }) => promise))
  const explained = countByName(duplicates.flatMap(({ cause }) => cause ?? []))
  return {
    seed,
    minutes: round(outcome.seconds / 60),
    faults: { total: past.length, byKind: countByName(past.map(({ fault }) => fault.name)) },
    published: {
      sent: producer.sent,
      accepted: producer.accepted.size,
      unanswered: producer.unanswered.size,
      answers: Object.fromEntries(producer.answers),
      slowestAnswerSeconds: round(producer.slowestAnswerMs / 1000),
    },
    ...{ events, deliveries, requests },
    lost: broken.lost ?? 0,
    duplicates: { total: duplicates.length, explained, unexplained: broken.duplicate ?? 0 },
    breakers: { ...breakers, slowestRecoverySeconds: round(slowestRecoveryMs / 1000) },
    orders,
    settledInSeconds: round(outcome.settledInMs / 1000),
    longestWaitSeconds: round(longestWaitMs / 1000),
    broken,
  }
}

export function describeProgress({ index, past, producer, world }: Progress): string {
  const took = `${((past.to - past.from) / 1000).toFixed(1)} s`
  const name = past.victim === past.fault.name ? past.fault.name : `${past.fault.name} (${past.victim})`
  return [
    `${String(index + 1).padStart(4)}  ${name.padEnd(60)} ${took.padStart(7)}`,
    `accepted ${producer.accepted.size}  requests ${world.endpoints.requests}`,
  ].join('  ')
}

/** Of each kind. */
const EXAMPLES = 6

export function describeOutcome(report: Report, { verification }: Outcome): string {
  const { faults, published, events, deliveries, duplicates, breakers, orders } = report
  const examples = Object.keys(report.broken).flatMap((promise) =>
    verification.findings
      .filter((one) => one.promise === promise)
      .slice(0, EXAMPLES)
      .map(({ id, detail }) => `  ${promise}: ${id}: ${detail}`),
  )
  return [
    `seed ${report.seed}, ${report.minutes} minutes, ${faults.total} faults: ${list(faults.byKind)}`,
    `published   ${published.sent} events, ${published.accepted} accepted; answers: ${list(published.answers)}; the slowest took ${published.slowestAnswerSeconds} s`,
    `events      ${events.stored} stored: ${list(events.byStatus)}`,
    `deliveries  ${list(deliveries)}; ${report.requests} requests`,
    `lost        ${report.lost}`,
    `duplicated  ${duplicates.total}: ${list(duplicates.explained)}; unexplained: ${duplicates.unexplained}`,
    `breakers    ${breakers.pauses} pauses, ${breakers.probes} probes, ${breakers.recoveries} recoveries, the slowest in ${breakers.slowestRecoverySeconds} s; excused by faults: ${breakers.excused} requests`,
    `orders      ${orders.neighbours} of neighbours, ${orders.pairs} of all pairs; ${orders.afterDead} behind a DEAD one; excused by faults: ${orders.excused} requests`,
    `settled     ${report.settledInSeconds} s after the last fault; the longest wait from acceptance to arrival was ${report.longestWaitSeconds} s`,
    verification.findings.length === 0 ? 'every promise kept' : `BROKEN      ${list(report.broken)}`,
    ...examples,
  ].join('\n')
}

const list = (counts: Record<string, number>) =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none'

const round = (value: number) => Math.round(value * 10) / 10

function countByName(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
