/**
 * What producers publish in a run of faults. Each event carries a number of its own and a digest, so that
 * whoever gets it can tell, without asking anybody, whether it arrived as it was published.
 */
import { createHash } from 'node:crypto'
import type { Random } from './random.js'

export interface Publication {
  type: string
  orderingKey?: string
  data: { number: number; text: string; digest: string }
}

/** Nobody subscribes to this one: its events have to end as UNMATCHED. */
const UNWANTED = 'nobody.listens'

/** The events of this one have an ordering key, one of a few. */
export const ORDERED = 'account.changed'
const ORDERING_KEYS = 4

/** How many of 100 events are of which type. */
const shares: Record<string, number> = {
  'order.created': 37,
  'user.created': 37,
  [ORDERED]: 16,
  'order.refused': 6,
  [UNWANTED]: 4,
}

const types = Object.entries(shares).flatMap(([type, share]) => Array<string>(share).fill(type))

/** Of different sizes, and with what has to be kept as it is: quotes, backslashes, letters beyond ASCII. */
const words = ['"quoted"', 'back\\slash', 'naïve', '日本語', '🦉', 'x'.repeat(2000), 'plain']

export function compose(number: number, random: Random): Publication {
  const type = random.pick(types)
  const text = random.pick(words)
  const data = { number, text, digest: digestOf(type, number, text) }
  if (type !== ORDERED) return { type, data }
  return { type, data, orderingKey: `account-${Math.floor(random.next() * ORDERING_KEYS)}` }
}

export function isIntact({ type, data }: Pick<Publication, 'type' | 'data'>): boolean {
  return data.digest === digestOf(type, data.number, data.text)
}

const digestOf = (type: string, number: number, text: string) =>
  createHash('sha256').update(`${type} ${number} ${text}`).digest('hex').slice(0, 16)
