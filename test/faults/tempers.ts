/** How the endpoints answer: well, late, badly now and then, or badly for a while, until they get well again. */
import { ORDERED } from './events.js'
import type { Random } from './random.js'

/** What comes and goes by itself. The times are the shortest and the longest of one spell. */
interface Illness {
  wellMs: [number, number]
  illMs: [number, number]
}

/** The endpoint that must get all that it wants, however long it was ill. */
export const PATIENT = 'ailing'
/** Of the requests to a flaky endpoint. */
const FLAKY_ONE_IN = 5

export interface Temper {
  name: string
  eventTypes: string[]
  /** Of its subscription, where it is not that of the settings. */
  maxAttempts?: number
  isOrdered?: boolean
  /** It refuses all that it gets while it is ill. */
  illness?: Illness
  answer(random: Random): { status: number; afterMs?: number }
}

const sometimes: Temper['answer'] = (random) => ({
  status: random.isOneIn(FLAKY_ONE_IN) ? random.pick([500, 503, 429, 302]) : 201,
})

export const tempers: Temper[] = [
  {
    name: 'steady',
    eventTypes: ['order.created', 'user.created', 'order.refused'],
    answer: () => ({ status: 204 }),
  },
  {
    name: 'slow',
    eventTypes: ['order.created'],
    answer: (random) => ({ status: 200, afterMs: random.durationMs(20, 800) }),
  },
  { name: 'flaky', eventTypes: ['user.created'], answer: sometimes },
  {
    // Paused, probed and recovering again and again. Its deliveries may be attempted until one is taken.
    name: PATIENT,
    eventTypes: ['order.created'],
    maxAttempts: 50,
    illness: { wellMs: [3000, 12_000], illMs: [12_000, 30_000] },
    answer: (random) => ({ status: 200, afterMs: random.durationMs(20, 200) }),
  },
  {
    // All that it gets while it is ill is given up: at least what it takes to pause it.
    name: 'broken',
    eventTypes: ['order.refused'],
    maxAttempts: 1,
    illness: { wellMs: [500, 1000], illMs: [10_000, 40_000] },
    answer: () => ({ status: 204 }),
  },
  {
    name: 'orderly',
    eventTypes: [ORDERED],
    isOrdered: true,
    answer: (random) => ({ status: 200, afterMs: random.durationMs(1, 60) }),
  },
  {
    // Some of what it gets is given up, and the next of its key may come then.
    name: 'orderly-moody',
    eventTypes: [ORDERED],
    isOrdered: true,
    maxAttempts: 2,
    illness: { wellMs: [4000, 12_000], illMs: [3000, 10_000] },
    answer: sometimes,
  },
]

export interface Health {
  isIll(): boolean
  /** For good. */
  heal(): void
}

/** Begins with an illness, at the first request: however long the processes take to start, there is one. */
export function createHealth({ wellMs, illMs }: Illness, random: Random): Health {
  const firstMs = random.durationMs(...illMs)
  let isIll = true
  let isHealed = false
  let changesAt: number | undefined
  return {
    isIll() {
      changesAt ??= performance.now() + firstMs
      while (!isHealed && performance.now() >= changesAt) {
        isIll = !isIll
        changesAt += random.durationMs(...(isIll ? illMs : wellMs))
      }
      return isIll && !isHealed
    },
    heal() {
      isHealed = true
    },
  }
}
