/**
 * Gives all JSON texts with the same meaning one spelling, so that a hash can compare them: no white space, names
 * sorted, strings and numbers in their shortest form. A number too large or too precise for a double keeps its digits,
 * so that two such numbers stay different.
 *
 * It takes one pass over the text, at any depth. `JSON.parse` would be faster, but would lose these numbers.
 */
import { endOfScalar, endOfString, type RawJson, skipSpace } from './raw-json.js'

/** A text, and the position of the reader: at the start of a value, or behind its end. */
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
  // The last of equal names counts, as in `JSON.parse`.
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
  // Appended, not joined: `join` would copy the text at each level.
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

/** A string without a `\` has only one spelling, and its text is its value. */
const hasEscapes = (text: string): boolean => text.includes('\\')
const canonicalString = (text: string): string => (hasEscapes(text) ? JSON.stringify(JSON.parse(text)) : text)
const meaningOf = (text: string): string => (hasEscapes(text) ? JSON.parse(text) : text.slice(1, -1))

/** A double can tell any two decimals of up to 15 significant digits apart. */
const DIGITS_OF_A_DOUBLE = 15

function canonicalNumber(text: string): string {
  const value = Number(text)
  if (text.length <= DIGITS_OF_A_DOUBLE && Number.isInteger(value) && value !== 0) return String(value)
  const digits = text.replace(/e.*/i, '').replace(/[-.]/g, '').replace(/^0+/, '')
  const fits = Number.isFinite(value) && (value !== 0 || digits === '')
  return fits && digits.length <= DIGITS_OF_A_DOUBLE ? String(value === 0 ? 0 : value) : text.toLowerCase()
}
