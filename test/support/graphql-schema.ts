/** The printed schema, as names of types, fields and arguments. */
import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
} from 'graphql'

export function readSchema() {
  const schema = buildSchema(readFileSync('schema.graphql', 'utf8'))
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => !type.name.startsWith('__') && !(isScalarType(type) && isSpecifiedScalarType(type)),
  )
  return {
    types,
    ofEnum(name: string): string[] {
      const type = schema.getType(name)
      return isEnumType(type) ? type.getValues().map((value) => value.name) : []
    },
    implementationsOf(name: string): string[] {
      const type = schema.getType(name)
      return isInterfaceType(type) ? schema.getPossibleTypes(type).map((each) => each.name) : []
    },
  }
}

/** The names of its fields, or of its values. */
export function membersOf(type: GraphQLNamedType): string[] {
  if (isEnumType(type)) return type.getValues().map(({ name }) => name)
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type))
    return Object.keys(type.getFields())
  return []
}

/** Its fields with the names of their arguments: `event(id)`. */
export function signaturesOf(type: GraphQLNamedType | undefined): string[] {
  if (!isObjectType(type)) return []
  return Object.values(type.getFields()).map(({ name, args }) =>
    args.length === 0 ? name : `${name}(${args.map((argument) => argument.name).join(', ')})`,
  )
}
