/**
 * Checks an operation's variables by a walk along their types, before any conversion: a conversion reads a large value
 * again for each error it finds. Published JSON counts as one value.
 */
import {
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
} from 'graphql'
import { limits } from './limits.js'

type Values = Record<string, unknown>

/** @returns one sentence about the first problem; undefined when the variables have none */
export function problemOfVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  values: Values,
): string | undefined {
  let count = 0

  function check(type: GraphQLInputType, value: unknown, path: string): string | undefined {
    if (isNonNullType(type)) return check(type.ofType, value, path)
    count++
    if (count > limits.variableValues)
      return `The variables hold more than ${limits.variableValues} values; send fewer at a time.`
    if (isListType(type)) {
      if (!Array.isArray(value)) return check(type.ofType, value, path)
      if (value.length > limits.listItems)
        return `${path} has ${value.length} items; at most ${limits.listItems} are allowed.`
      return first(value, (item, index) => check(type.ofType, item, `${path}[${index}]`))
    }
    if (!isInputObjectType(type) || typeof value !== 'object' || value === null) return undefined
    const fields = type.getFields()
    const names = Object.keys(value)
    const unknown = names.filter((name) => !Object.hasOwn(fields, name))
    if (unknown.length > 0) return unknownFields(unknown, path, type.name)
    return first(names, (name) =>
      check((fields[name] as { type: GraphQLInputType }).type, (value as Values)[name], `${path}.${name}`),
    )
  }

  return first(operation.variableDefinitions ?? [], ({ variable, type: typeNode }) => {
    const name = variable.name.value
    const type = typeFromAST(schema, typeNode as never) as GraphQLInputType | undefined
    if (type === undefined || !Object.hasOwn(values, name)) return undefined
    return check(type, values[name], `$${name}`)
  })
}

/** The first result of `find` other than undefined. */
function first<Item, Found>(
  items: readonly Item[],
  find: (item: Item, index: number) => Found | undefined,
): Found | undefined {
  for (const [index, item] of items.entries()) {
    const found = find(item, index)
    if (found !== undefined) return found
  }
  return undefined
}

/** The most unknown fields an error names, and the most characters of each name. */
const NAMED = 3
const NAME_CHARACTERS = 40

function unknownFields(names: string[], path: string, type: string): string {
  const named = names.slice(0, NAMED).map((name) => `"${name.slice(0, NAME_CHARACTERS)}"`)
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : ''
  const [what, is] = names.length === 1 ? ['Field', 'is'] : ['Fields', 'are']
  return `${path}: ${what} ${named.join(', ')}${more} ${is} not defined by type "${type}".`
}
