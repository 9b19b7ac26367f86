/**
 * Checks a parsed expression and prepares it: it may use the fields of an event and CEL's own functions, must be able
 * to be true or false, and gets the steps that charge its loops.
 */
import { parse } from '@bufbuild/cel'
import { compilePattern, RANGE, STEP } from './allowance.js'
import { FilterError } from './filter.js'

export type Parsed = ReturnType<typeof parse>
export type Expression = Parsed['expr']

const FIELDS = ['type', 'tenant', 'data', 'metadata', 'createdAt']
const MAX_LOOP_DEPTH = 2

const OPERATORS = ['!_', '-_', '_&&_', '_||_', '_?_:_', '_[_]', '@in', '_+_', '_-_', '_*_', '_/_', '_%_']
const COMPARISONS = ['_==_', '_!=_', '_<_', '_<=_', '_>_', '_>=_', '@not_strictly_false']
const TEXT = ['contains', 'startsWith', 'endsWith', 'matches', 'size']
const CONVERSIONS = ['int', 'uint', 'double', 'string', 'bool', 'timestamp', 'duration', 'dyn']
const TIME = [
  'FullYear',
  'Month',
  'Date',
  'DayOfMonth',
  'DayOfWeek',
  'DayOfYear',
  'Hours',
  'Minutes',
  'Seconds',
].map((part) => `get${part}`)
const FUNCTIONS = new Set([...OPERATORS, ...COMPARISONS, ...TEXT, ...CONVERSIONS, ...TIME, 'getMilliseconds'])

/** What can be neither true nor false. */
const NUMBERS_AND_TEXTS = new Set([
  '-_',
  '_+_',
  '_-_',
  '_*_',
  '_/_',
  '_%_',
  'size',
  'int',
  'uint',
  'double',
  'string',
])

/** Where a part of an expression stands: the number of its character, from 1. */
export function positionOf({ sourceInfo }: Parsed, id: bigint | number | undefined): number | undefined {
  const offset = sourceInfo?.positions[String(id)]
  return offset === undefined ? undefined : offset + 1
}

/** @throws FilterError */
export function prepare(parsed: Parsed): Expression {
  const at = ({ id }: Expression) => positionOf(parsed, id)
  if (!canBeBoolean(parsed.expr))
    throw new FilterError('must be true or false for each event', at(parsed.expr))
  return visit(parsed.expr, new Set(FIELDS), 0)

  function visit(expression: Expression, names: Set<string>, depth: number): Expression {
    const { exprKind: kind } = expression
    switch (kind.case) {
      case 'identExpr':
        if (!names.has(kind.value.name))
          throw new FilterError(
            `"${kind.value.name}" is not known: there are ${FIELDS.join(', ')}`,
            at(expression),
          )
        break
      case 'callExpr': {
        const { function: name, target, args } = kind.value
        if (!FUNCTIONS.has(name))
          throw new FilterError(`"${name}" is not a function of filters`, at(expression))
        if (name === 'matches') checkPattern(args[0] ?? expression)
        if (target) visit(target, names, depth)
        for (const arg of args) visit(arg, names, depth)
        break
      }
      case 'selectExpr':
        if (kind.value.operand) visit(kind.value.operand, names, depth)
        break
      case 'listExpr':
        for (const element of kind.value.elements) visit(element, names, depth)
        break
      case 'structExpr':
        if (kind.value.messageName !== '') throw new FilterError('messages are not available', at(expression))
        for (const { keyKind, value } of kind.value.entries) {
          if (keyKind.case === 'mapKey') visit(keyKind.value, names, depth)
          if (value) visit(value, names, depth)
        }
        break
      case 'comprehensionExpr': {
        if (depth === MAX_LOOP_DEPTH)
          throw new FilterError(`loops stand at most ${MAX_LOOP_DEPTH} deep in each other`, at(expression))
        const loop = kind.value
        const inner = new Set([...names, loop.iterVar, loop.accuVar])
        for (const part of [loop.iterRange, loop.accuInit]) if (part) visit(part, names, depth)
        for (const part of [loop.loopCondition, loop.loopStep, loop.result])
          if (part) visit(part, inner, depth + 1)
        if (loop.loopCondition) loop.loopCondition = joined(parse(`${STEP}() && true`), loop.loopCondition, 1)
        if (loop.iterRange) loop.iterRange = joined(parse(`${RANGE}(true)`), loop.iterRange, 0)
        break
      }
    }
    return expression
  }

  function checkPattern(pattern: Expression): void {
    const { exprKind: kind } = pattern
    const constant = kind.case === 'constExpr' ? kind.value.constantKind : undefined
    if (constant?.case !== 'stringValue')
      throw new FilterError('the pattern must be a text in quotes', at(pattern))
    try {
      compilePattern(constant.value)
    } catch (error) {
      throw new FilterError((error as Error).message, at(pattern))
    }
  }
}

/** A call in which one argument is replaced. */
function joined({ expr }: Parsed, argument: Expression, index: number): Expression {
  if (expr.exprKind.case === 'callExpr') expr.exprKind.value.args[index] = argument
  return expr
}

function canBeBoolean({ exprKind: kind }: Expression): boolean {
  if (kind.case === 'constExpr') return kind.value.constantKind.case === 'boolValue'
  if (kind.case === 'callExpr') return !NUMBERS_AND_TEXTS.has(kind.value.function)
  return kind.case !== 'listExpr' && kind.case !== 'structExpr'
}

/** The parts that `&&` joins, in their order. */
export function conjunctsOf(expression: Expression): Expression[] {
  const { exprKind: kind } = expression
  return kind.case === 'callExpr' && kind.value.function === '_&&_'
    ? kind.value.args.flatMap(conjunctsOf)
    : [expression]
}
