/** Compiles filters. Only loaded once there is a filter: the library takes memory and a part of a start. */
import { type CelInput, celType, isCelError, parse, plan, unparse } from '@bufbuild/cel'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { createMeteredEnv, isOverspent, renewAllowance, TOO_COSTLY } from './allowance.js'
import { type Filter, FilterError, type FilteredEvent, MAX_FILTER_LENGTH, type Verdict } from './filter.js'
import { conjunctsOf, type Expression, type Parsed, positionOf, prepare } from './prepare.js'

const env = createMeteredEnv()

/** @throws FilterError that says what is wrong, and where */
export function compileFilter(text: string): Filter {
  if (text.length > MAX_FILTER_LENGTH)
    throw new FilterError(`must have at most ${MAX_FILTER_LENGTH} characters`)
  if (text.trim() === '') throw new FilterError('must not be blank: null stands for every event')
  const parsed = parseText(text)
  // Prepared, an expression has more than its text.
  const conjuncts = conjunctsOf(parsed.expr).map((part) => ({ text: textOf(parsed, part), part }))
  const test = evaluator(prepare(parsed), parsed)
  return {
    test,
    unmet: (event) =>
      conjuncts.filter(({ part }) => !evaluator(part, parsed)(event).matches).map(({ text }) => text),
  }
}

function parseText(text: string): Parsed {
  try {
    return parse(text)
  } catch (error) {
    const { rawMessage, message, location } = error as Error & {
      rawMessage?: string
      location?: { start: { offset: number } }
    }
    throw new FilterError(rawMessage ?? message, location && location.start.offset + 1)
  }
}

/** Macros such as `exists` come out as they were written. */
const textOf = (parsed: Parsed, part: Expression): string => unparse({ ...parsed, expr: part })

function evaluator(expression: Expression, parsed: Parsed): (event: FilteredEvent) => Verdict {
  const evaluate = plan(env, expression)
  const failed = (problem: string, id?: bigint | number): Verdict => ({
    matches: false,
    error: new FilterError(problem, positionOf(parsed, id)).message,
  })
  return ({ createdAt, ...event }) => {
    renewAllowance()
    const result = evaluate({
      ...event,
      data: event.data as CelInput,
      metadata: (event.metadata ?? {}) as CelInput,
      createdAt: timestampFromDate(createdAt),
    })
    if (isOverspent()) return failed(TOO_COSTLY)
    if (isCelError(result)) return failed(result.message, result.exprId)
    if (typeof result !== 'boolean')
      return failed(`gave a value of type ${celType(result).name}, not true or false`)
    return { matches: result, error: null }
  }
}
