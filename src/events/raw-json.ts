/**
 * JSON kept as text. What a producer sends as `data` reaches every webhook as it was written: the order of
 * keys (`JSON.parse` moves integer-like ones to the front) and numbers that don't fit a double included.
 *
 * Every text given to these functions must have passed `JSON.parse`: they find their way in valid JSON and
 * do not check it again.
 */

import { badInput, type ServiceError } from '../errors.js'

/** JSON text that is known to be valid. */
export type RawJson = string & { readonly brand: unique symbol }

/** Deeper nesting is refused: it serves nobody, and parsers further on the way have limits of their own. */
export const MAX_JSON_DEPTH = 100

/** @param path the member that is nested too deeply */
export function tooDeep(path: string): ServiceError {
  return badInput([{ path, message: `must not be nested deeper than ${MAX_JSON_DEPTH} levels` }])
}

const [SPACE, LINE_FEED, CARRIAGE_RETURN, TAB] = [0x20, 0x0a, 0x0d, 0x09]
const [QUOTE, BACKSLASH] = [0x22, 0x5c]

/** `[` and `{`, `]` and `}`: each pair differs in one bit. */
const isOpening = (code: number): boolean => (code | 0x20) === 0x7b
const isClosing = (code: number): boolean => (code | 0x20) === 0x7d

// Looks for the first character that ends something. A greedy pattern over what comes before it would need a stack as
// long as the text.
const scalarEnd = /[,\]}\s]/g

function find(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex - 1 : text.length
}

/** Where the white space that may be at `from` ends. */
export function skipSpace(text: string, from: number): number {
  let at = from
  let code = text.charCodeAt(at)
  while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB) {
    at += 1
    code = text.charCodeAt(at)
  }
  return at
}

/** Where the number or word that begins at `from` ends. */
export const endOfScalar = (text: string, from: number): number => find(scalarEnd, text, from)

/** Where the string whose opening quote is at `from` ends: after a quote with no odd row of `\` before it. */
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

/** Where the value that begins at `from` ends; `path` names it. By character codes: every event goes through here. */
function endOfValue(text: string, from: number, path = ''): number {
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
    if (depth > MAX_JSON_DEPTH) throw tooDeep(path)
    at += 1
  } while (depth > 0)
  return at
}

/**
 * The text of each member of an object's text. Of a name given twice the last counts, as in `JSON.parse`.
 *
 * @throws ServiceError BAD_USER_INPUT when one is nested too deeply
 */
export function memberTexts(text: string): Map<string, RawJson> {
  const members = new Map<string, RawJson>()
  let at = skipSpace(text, skipSpace(text, 0) + 1)
  while (text[at] !== '}') {
    const nameEnd = endOfString(text, at)
    const colon = skipSpace(text, nameEnd)
    const valueStart = skipSpace(text, colon + 1)
    const name = JSON.parse(text.slice(at, nameEnd))
    const valueEnd = endOfValue(text, valueStart, name)
    members.set(name, text.slice(valueStart, valueEnd) as RawJson)
    at = nextItem(text, valueEnd)
  }
  return members
}

/** From the end of one member or item to the start of the next, or to the closing bracket. */
function nextItem(text: string, from: number): number {
  const at = skipSpace(text, from)
  return text[at] === ',' ? skipSpace(text, at + 1) : at
}
