/**
 * One spelling for all JSON texts that say the same, so that two of them can be compared by a hash: no white
 * space, names sorted, strings and numbers in their shortest form. A number that a double can't hold keeps its
 * digits, so that two of them stay two.
 *
 * It takes one pass over the text, however deep. `JSON.parse` would be faster and would lose those numbers.
 */
import { endOfScalar, endOfString, type RawJson, skipSpace } from './raw-json.js'

/** A text, and how far it has been read: to the start of a value, or behind its end. */
interface Reading {
  readonly text: string
  at: number
}

export function canonicalJson(text: RawJson): string {
  return canonicalValue({ text, at: skipSpace(text, 0) })
}

function canonicalValue(reading: Reading): string {
  const { text, at } = reading
  const first = text[at]
  if (first === '{') return canonicalObject(reading)
  if (first === '[') return canonicalArray(reading)
  if (first === '"') {
    reading.at = endOfString(text, at)
    return canonicalString(text.slice(at, reading.at))
  }
  reading.at = endOfScalar(text, at)
  const scalar = text.slice(at, reading.at)
  return first === 't' || first === 'f' || first === 'n' ? scalar : canonicalNumber(scalar)
}

function canonicalObject(reading: Reading): string {
  const { text } = reading
  // Of a name given twice the last counts, as in `JSON.parse`.
  const members = new Map<string, string>()
  reading.at = skipSpace(text, reading.at + 1)
  while (text[reading.at] !== '}') {
    const nameEnd = endOfString(text, reading.at)
    const name = meaningOf(text.slice(reading.at, nameEnd))
    reading.at = skipSpace(text, skipSpace(text, nameEnd) + ':'.length)
    members.set(name, canonicalValue(reading))
    goToNext(reading)
  }
  reading.at += 1
  let spelling = ''
  for (const name of [...members.keys()].sort()) {
    spelling += `${spelling && ','}${JSON.stringify(name)}:${members.get(name)}`
  }
  return `{${spelling}}`
}

function canonicalArray(reading: Reading): string {
  const { text } = reading
  // Appended to, not joined: a text that is joined at each level is copied at each level.
  let spelling = ''
  reading.at = skipSpace(text, reading.at + 1)
  while (text[reading.at] !== ']') {
    spelling += `${spelling && ','}${canonicalValue(reading)}`
    goToNext(reading)
  }
  reading.at += 1
  return `[${spelling}]`
}

/** From behind a member or item to the start of the next, or to the closing bracket. */
function goToNext(reading: Reading): void {
  const { text } = reading
  const at = skipSpace(text, reading.at)
  reading.at = text[at] === ',' ? skipSpace(text, at + 1) : at
}

/** Without a `\`, a string has one spelling only, and means what it says. */
const hasEscapes = (text: string): boolean => text.includes('\\')
const canonicalString = (text: string): string => (hasEscapes(text) ? JSON.stringify(JSON.parse(text)) : text)
const meaningOf = (text: string): string => (hasEscapes(text) ? JSON.parse(text) : text.slice(1, -1))

/** A double keeps any decimal of so many significant digits apart from every other. */
const DIGITS_OF_A_DOUBLE = 15

function canonicalNumber(text: string): string {
  const value = Number(text)
  if (text.length <= DIGITS_OF_A_DOUBLE && Number.isInteger(value) && value !== 0) return String(value)
  const digits = text.replace(/e.*/i, '').replace(/[-.]/g, '').replace(/^0+/, '')
  const fits = Number.isFinite(value) && (value !== 0 || digits === '')
  return fits && digits.length <= DIGITS_OF_A_DOUBLE ? String(value === 0 ? 0 : value) : text.toLowerCase()
}
