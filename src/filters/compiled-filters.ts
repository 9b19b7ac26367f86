/** Compiled filters by their text: parsing is done once, for all subscriptions with the same filter. */
import type { Filter } from './filter.js'

/** About 20 KB each. The least recently used make room. */
const MAX_COMPILED = 5000

type Compile = (text: string) => Filter

const compiled = new Map<string, Filter>()
let compile: Compile | undefined

/** Must have resolved before `compiledFilter` is called. */
export async function loadFilters(): Promise<void> {
  if (compile === undefined) compile = (await import('./cel.js')).compileFilter
}

/** @throws FilterError */
export function compiledFilter(text: string): Filter {
  if (compile === undefined) throw new Error('filters are used before they are loaded')
  const filter = compiled.get(text) ?? compile(text)
  compiled.delete(text)
  compiled.set(text, filter)
  if (compiled.size > MAX_COMPILED) compiled.delete(compiled.keys().next().value as string)
  return filter
}
