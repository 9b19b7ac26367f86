/**
 * JSON kept as text. A producer's `data` reaches every webhook in its own text. This keeps the order of keys
 * (`JSON.parse` moves integer-like ones to the front) and numbers too large or too precise for a double.
 *
 * Every text for these functions must have passed `JSON.parse`: they expect valid JSON and do not check it again.
 */

import { badInput, type ServiceError } from '../errors.js'

/** Valid JSON text. */
export type RawJson = string & { readonly brand: unique symbol }

/** Deeper nesting is refused: it has no use, and the receivers' parsers have limits too. */
export const MAX_JSON_DEPTH = 100

/** @param path the member with too deep nesting */
export function tooDeep(path: string): ServiceError {
  return badInput([{ path, message: `must not be nested deeper than ${MAX_JSON_DEPTH} levels` }])
}

const [SPACE, LINE_FEED, CARRIAGE_RETURN, TAB] = [0x20, 0x0a, 0x0d, 0x09]
const [QUOTE, BACKSLASH] = [0x22, 0x5c]

/** `[` and `{`, `]` and `}`: each pair differs in one bit. */
const isOpening = (code: number): boolean => (code | 0x20) === 0x7b
const isClosing = (code: number): boolean => (code | 0x20) === 0x7d

// Matches only the character at the end. A greedy pattern over the text before it would need a stack as long as the
// text.
const scalarEnd = /[,\]}\s]/g

function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex - 1 : text.length
}

/** The end of the white space, if any, at `from`. */
export function skipSpace(text: string, from: number): number {
  let at = from
  let code = text.charCodeAt(at)
  while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB) {
    at += 1
    code = text.charCodeAt(at)
  }
  return at
}

/** The end of the number or word at `from`. */
export const endOfScalar = (text: string, from: number): number => find(scalarEnd, text, from)

/** The end of the string with its opening quote at `from`: after a quote with no odd row of `\` before it. */
export function endOfString(text: string, from: number): number {
  let quote = from
  let escaped: boolean
  do {
    quote = text.indexOf('"', quote + 1)
    let at = quote
    while (text.charCodeAt(at - 1) === BACKSLASH) at -= 1
    escaped = (quote - at) % 2 === 1
  } while (escaped)
  return quote + 1
}

/** The end of the value at `from`; `path` names it. It compares character codes for speed: every event passes here. */
function endOfValue(text: string, from: number, path = '', maxDepth = MAX_JSON_DEPTH): number {
  const first = text.charCodeAt(from)
  if (first === QUOTE) return endOfString(text, from)
  if (!isOpening(first)) return endOfScalar(text, from)
  let depth = 0
  let at = from
  do {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
      continue
    }
    if (isOpening(code)) depth += 1
    else if (isClosing(code)) depth -= 1
    if (depth > maxDepth) throw tooDeep(path)
    at += 1
  } while (depth > 0)
  return at
}

/**
 * The text of each member of an object's text. The last of equal names counts, as in `JSON.parse`.
 *
 * @param maxDepth of a member; infinite where its parts are checked by themselves
 * @throws ServiceError BAD_USER_INPUT when one is nested too deeply
 */
export function memberTexts(text: string, maxDepth = MAX_JSON_DEPTH): Map<string, RawJson> {
  const members = new Map<string, RawJson>()
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (text[at] !== '}') {
    const nameEnd = endOfString(text, at)
    const colon = skipSpace(text, nameEnd)
    const valueStart = skipSpace(text, colon + 1)
    const name = JSON.parse(text.slice(at, nameEnd))
    const valueEnd = endOfValue(text, valueStart, name, maxDepth)
    members.set(name, text.slice(valueStart, valueEnd) as RawJson)
    at = nextItem(text, valueEnd)
  }
  return members
}

/** The text of each item of an array's text, however deep it is. */
export function itemTexts(text: string): RawJson[] {
  const items: RawJson[] = []
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (text[at] !== ']') {
    const end = endOfValue(text, at, '', Number.POSITIVE_INFINITY)
    items.push(text.slice(at, end) as RawJson)
    at = nextItem(text, end)
  }
  return items
}

/** From the end of one member or item to the start of the next, or to the closing bracket. */
function nextItem(text: string, from: number): number {
  const at = skipSpace(text, from)
  return text[at] === ',' ? skipSpace(text, at + 1) : at
}
