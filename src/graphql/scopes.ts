/**
 * What a key must be allowed for an operation: `read` for queries and subscriptions, `publish` to publish, `manage`
 * for every other mutation. A mutation shows what it made; what hangs on that beyond it takes `read` as well.
 * Introspection takes none.
 */
import {
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Scope } from '../api-keys/api-key.js'
import { requireScope } from '../api-keys/authentication.js'
import { errorCatalogue, ServiceError } from '../errors.js'
import type { GraphQLContext } from './context.js'
import { extensionsOf } from './error-extensions.js'

/** For the mutations that do not take `manage`: in the `extensions` of the field. */
export const takesScope = (scope: Scope) => ({ scope })

export function useScopes(): Plugin {
  const guard = (args: ExecutionArgs, refuse: (result: { errors: GraphQLError[] }) => void) => {
    const { apiKey } = args.contextValue as GraphQLContext
    try {
      for (const scope of scopesOf(args)) requireScope(apiKey, scope)
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      const extensions = { ...extensionsOf(error), http: { status: errorCatalogue[error.code].status } }
      refuse({ errors: [new GraphQLError(error.message, { extensions })] })
    }
  }
  return {
    onExecute: ({ args, setResultAndStopExecution }) => guard(args, setResultAndStopExecution),
    onSubscribe: ({ args, setResultAndStopExecution }) => guard(args, setResultAndStopExecution),
  }
}

/** `@skip` and `@include` are not looked at: what an operation may ask for is what it takes. */
function scopesOf({ document, schema, operationName }: ExecutionArgs): Set<Scope> {
  const operation = getOperationAST(document, operationName)
  if (operation == null) return new Set()
  const fieldsOf = createFieldFinder(
    document.definitions.filter((each) => each.kind === Kind.FRAGMENT_DEFINITION),
  )
  const rootFields = fieldsOf(operation.selectionSet).filter(({ name }) => !name.value.startsWith('__'))
  const scopes = new Set(rootFields.map(({ name }) => scopeOf(schema, operation, name.value)))
  if (operation.operation === 'mutation') {
    const made = rootFields.flatMap((field) => fieldsOf(field.selectionSet))
    const shown = made
      .filter(({ name }) => name.value !== 'errors')
      .flatMap((field) => fieldsOf(field.selectionSet))
    if (shown.some(({ selectionSet }) => selectionSet !== undefined)) scopes.add('read')
  }
  return scopes
}

function scopeOf(schema: GraphQLSchema, { operation }: OperationDefinitionNode, field: string): Scope {
  if (operation !== 'mutation') return 'read'
  const own = schema.getMutationType()?.getFields()[field]?.extensions.scope
  return (own as Scope | undefined) ?? 'manage'
}

/** Finds the fields of a selection, those of its fragments among them. The document must have been validated. */
function createFieldFinder(fragments: readonly FragmentDefinitionNode[]) {
  const byName = new Map(fragments.map((fragment) => [fragment.name.value, fragment.selectionSet]))
  return function fieldsOf(selectionSet: SelectionSetNode | undefined): FieldNode[] {
    return (selectionSet?.selections ?? []).flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection]
      if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsOf(selection.selectionSet)
      return fieldsOf(byName.get(selection.name.value))
    })
  }
}
