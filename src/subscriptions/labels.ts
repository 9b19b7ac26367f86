/**
 * Labels: names and values by which the owner of many subscriptions finds some of them. They are stored as texts
 * `name:value`, in an array whose index answers which subscriptions have all of some labels.
 */
import { z } from 'zod'
import { namedValues } from '../platform/named-values.js'
import { isOneLineText, withoutControls } from '../platform/postgres/postgres-text.js'

const MAX_LABELS = 20
const MAX_VALUE_LENGTH = 256
const NAME = '[A-Za-z0-9_.-]{1,63}'
const NAME_FORM = '1 to 63 characters of A-Z a-z 0-9 _ . -'

export const labelForms = {
  labels: `To find it by: at most ${MAX_LABELS} values of at most ${MAX_VALUE_LENGTH} characters by name, which is ${NAME_FORM}.`,
} as const

export type Labels = Record<string, string>

const isName = (text: string): boolean => new RegExp(`^${NAME}$`).test(text)
const isValue = (text: string): boolean => text.length <= MAX_VALUE_LENGTH && isOneLineText(text)
const WRONG_VALUE = `must have at most ${MAX_VALUE_LENGTH} characters, without control characters or broken ones`
const WRONG_NUMBER = `must have at most ${MAX_LABELS} labels`

export const labels = namedValues(
  z.string().meta({ pattern: `^${NAME}$` }),
  z.string().meta({ maxLength: MAX_VALUE_LENGTH, pattern: withoutControls() }),
)
  .superRefine((all, context) => {
    if (Object.keys(all).length > MAX_LABELS) context.addIssue(WRONG_NUMBER)
    for (const [name, value] of Object.entries(all)) {
      const message = isName(name) ? WRONG_VALUE : `must have a name of ${NAME_FORM}`
      if (!isName(name) || !isValue(value)) context.addIssue({ code: 'custom', path: [name], message })
    }
  })
  .meta({ description: labelForms.labels, maxProperties: MAX_LABELS })

const label = z
  .string()
  .refine((text) => new RegExp(`^${NAME}:`).test(text), `must be name:value, with a name of ${NAME_FORM}`)
  .refine((text) => isValue(text.slice(text.indexOf(':') + 1)), WRONG_VALUE)
  .meta({ pattern: `^${NAME}:${withoutControls().slice(1)}` })

/** The query parameter `label`, which may be there several times. */
export const labelQuery = z
  .preprocess(
    (given) => (given === undefined || Array.isArray(given) ? given : [given]),
    z.array(label).max(MAX_LABELS, WRONG_NUMBER).optional(),
  )
  .meta({ description: '`name:value`: subscriptions with this label. Several must all be there.' })

export const toStoredLabels = (all: Labels | null): string[] =>
  Object.entries(all ?? {}).map(([name, value]) => `${name}:${value}`)

export const fromStoredLabels = (stored: readonly string[]): Labels =>
  Object.fromEntries(
    stored.map((text) => {
      const colon = text.indexOf(':')
      return [text.slice(0, colon), text.slice(colon + 1)]
    }),
  )
