/**
 * The allowance of an evaluation: what a filter may cost for one event. CEL always ends, but loops within loops over
 * the lists of a large event, or a pattern on a long text, could take seconds. Each call and each step of a loop is
 * charged by the size of its values. The charge depends on the filter and the event alone, not on the speed of the
 * machine, so every process comes to the same answer.
 */
import { type CelValue, celEnv, isCelList, isCelMap } from '@bufbuild/cel'
import { compilePattern as compileLinearPattern } from '../platform/linear-pattern.js'
import { FilterError } from './filter.js'

/**
 * A call and a step of a loop cost 1, and more by the size of the values that they go through: 1 for each of so many.
 */
const CHARACTERS_A_UNIT = 64
const ELEMENTS_A_UNIT = 4
/** About 10 ms on a machine of 2026. Usual filters cost less than 100. */
const MAX_COST = 10_000

/** Names of functions that only a prepared expression has: see `prepare.ts`. */
export const STEP = 'filterStep'
export const RANGE = 'filterRange'

export const TOO_COSTLY =
  'takes too long for this event: it has long lists or texts, and the filter loops over them'

let spent = 0

export const isOverspent = (): boolean => spent > MAX_COST

export function renewAllowance(): void {
  spent = 0
}

function charge(cost: number): void {
  spent += cost
  if (isOverspent()) throw new FilterError(TOO_COSTLY)
}

type Env = ReturnType<typeof celEnv>
type Functions = Env['funcs']
type Callable = NonNullable<ReturnType<Functions['find']>>

/** Equality and `in` go through whole values, not only through their own elements. */
const readsDeeply = (name: string): boolean => ['_==_', '_!=_', '@in'].includes(name)

/** The standard environment of CEL, in which calls are charged. */
export function createMeteredEnv(): Env {
  const standard = celEnv({ re2: { compile: compilePattern } })
  const metered = new Map<string, Callable | undefined>()
  const find = (name: string): Callable | undefined => {
    if (!metered.has(name)) metered.set(name, meter(name, standard.funcs.find(name)))
    return metered.get(name)
  }
  return {
    namespace: standard.namespace,
    registry: standard.registry,
    variables: standard.variables,
    funcs: { ...standard.funcs, find } as Functions,
  } as Env
}

function meter(name: string, callable: Callable | undefined): Callable | undefined {
  if (name === STEP)
    return counted(
      () => 1,
      () => true,
    )
  if (name === RANGE)
    return counted(
      ([range]) => 1 + sizeOf(range) / ELEMENTS_A_UNIT,
      ([range]) => range,
    )
  if (callable === undefined) return undefined
  const costOf = readsDeeply(name) ? deepCostOf : textCostOf
  const call: Callable['call'] = (id, target, args) => {
    const values = target === undefined ? args : [target, ...args]
    charge(values.reduce<number>((cost, value) => cost + costOf(value), 1))
    return callable.call(id, target, args)
  }
  return { call } as Callable
}

/** A function that only a prepared expression has. */
function counted(
  costOf: (args: CelValue[]) => number,
  result: (args: CelValue[]) => CelValue | undefined,
): Callable {
  const call: Callable['call'] = (_id, _target, args) => {
    charge(costOf(args))
    return result(args)
  }
  return { call } as Callable
}

const sizeOf = (value: CelValue | undefined): number => (isCelList(value) || isCelMap(value) ? value.size : 0)

const textCostOf = (value: CelValue): number =>
  typeof value === 'string' || value instanceof Uint8Array ? value.length / CHARACTERS_A_UNIT : 0

function deepCostOf(value: CelValue): number {
  let cost = textCostOf(value)
  const inner = isCelMap(value) ? value.values() : isCelList(value) ? value : []
  for (const element of inner) {
    cost += 1 / ELEMENTS_A_UNIT + deepCostOf(element as CelValue)
    if (cost > MAX_COST) break
  }
  return cost
}

/** @throws Error that says what is wrong with the pattern */
export const compilePattern = (pattern: string) => compileLinearPattern(pattern, charge)
