/**
 * What is published: an order with as many lines as make up the size, like enough to real data for what parses,
 * compresses and stores it. In front are the two numbers that a run is judged by. Both have a fixed width, so
 * the sender of a request writes them into a buffer that is ready, and the receiver finds them without parsing.
 */
import type { EventKind } from './scenarios.js'

const SENT_AT = '"sentAt":'
const NUMBER = ',"n":'
const SENT_AT_DIGITS = 16
const NUMBER_DIGITS = 9
/** The first number of nine digits: JSON allows no zeros in front. */
const NUMBER_BASE = 100_000_000

/** A request body of a given size, with zeros in place of the two numbers. */
export function makeBody({ type, tenant }: EventKind, bytes: number): string {
  const data = (lines: object[], note: string) =>
    `{${SENT_AT}${'0'.repeat(SENT_AT_DIGITS)}${NUMBER}${'0'.repeat(NUMBER_DIGITS)},` +
    `"orderId":"ord_5f1c9b","lines":${JSON.stringify(lines)},"note":"${note}"}`
  const body = (lines: object[], note = '') =>
    `{"type":"${type}",${tenant === undefined ? '' : `"tenant":"${tenant}",`}"data":${data(lines, note)},"metadata":{"source":"shop"}}`
  const lines: object[] = []
  while (body([...lines, line(lines.length)]).length <= bytes) lines.push(line(lines.length))
  return body(lines, '.'.repeat(Math.max(0, bytes - body(lines).length)))
}

/** The same ones in each run, and no two alike. */
function line(index: number): object {
  const random = (Math.imul(index + 1, 2654435761) >>> 0).toString(36)
  return { sku: `sku_${random}`, name: `Article ${index}`, quantity: (index % 7) + 1, price: index * 1.19 }
}

/** @returns the index in the request at which the time that it was sent is written */
export const findStamp = (request: Buffer): number => request.indexOf(SENT_AT) + SENT_AT.length

export function writeStamp(request: Buffer, at: number, sentAtUs: number, n: number): void {
  request.write(String(sentAtUs), at, 'latin1')
  request.write(String(NUMBER_BASE + n), at + SENT_AT_DIGITS + NUMBER.length, 'latin1')
}

/** @throws Error when the body isn't one of ours */
export function readStamp(body: Buffer): { sentAtUs: number; n: number } {
  const at = findStamp(body)
  const numberAt = at + SENT_AT_DIGITS + NUMBER.length
  const sentAtUs = Number(body.toString('latin1', at, at + SENT_AT_DIGITS))
  const n = Number(body.toString('latin1', numberAt, numberAt + NUMBER_DIGITS)) - NUMBER_BASE
  if (!(n >= 0) || !(sentAtUs > 0))
    throw new Error(`Not a webhook of this run: ${body.toString('utf8', 0, 200)}`)
  return { sentAtUs, n }
}
