/** How the text of a setting becomes a value: one function for each kind of setting. */
import { z } from 'zod'
import { readText } from '../platform/text-file.js'

/** A number from `min` to `max`. */
export const number = (min: number, max: number, kind: 'a number' | 'a whole number' = 'a number') =>
  z.string().transform((text, context) => {
    const value = Number(text)
    const isOfKind = kind === 'a number' || Number.isInteger(value)
    if (text.trim() !== '' && value >= min && value <= max && isOfKind) return value
    context.addIssue(`must be ${kind} from ${min} to ${max}, not ${JSON.stringify(text)}`)
    return z.NEVER
  })

export const wholeNumber = (min: number, max: number) => number(min, max, 'a whole number')

export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, {
    error: ({ input }) => `must be one of ${values.join(', ')}, not ${JSON.stringify(input)}`,
  })

/** The value that `parse` returns; an error that it throws becomes the setting's problem. */
export const parsedBy = <Value>(parse: (text: string) => Value) =>
  z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.addIssue((error as Error).message)
      return z.NEVER
    }
  })

/** Items between commas. Empty items are left out. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

/** The values that `parse` returns for the items; each error that it throws becomes a problem of the setting. */
export const listOf = <Value>(parse: (item: string, index: number) => Value) =>
  list.transform((items, context) =>
    items.flatMap((item, index) => {
      try {
        return [parse(item, index)]
      } catch (error) {
        context.addIssue((error as Error).message)
        return []
      }
    }),
  )

/** The text of the file that the setting names. */
export const fileText = parsedBy(readFile)

/** The value that `parse` returns for the text of the file that the setting names. */
export const fileOf = <Value>(parse: (text: string) => Value) => parsedBy((path) => parse(readFile(path)))

function readFile(path: string): string {
  try {
    return readText(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`names a file that can't be read (${code ?? message})`)
  }
}
