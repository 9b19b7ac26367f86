/**
 * The scopes a key needs for an operation: `read` for queries and subscriptions, `publish` to publish, `consume` for
 * what a consumer does, `manage` for every other mutation. A mutation shows its own result. The objects below the
 * result need `read` as well, unless they are a part of it, as the request and the response are of an attempt.
 * Introspection needs no scope.
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

/** For a mutation with another scope than `manage`, or a subscription: the `extensions` of its field. */
export const takesScope = (scope: Scope) => ({ scope })

/** For a mutation whose results are shown with all that is in them: the `extensions` of its field. */
export const showsWhole = (...results: string[]) => ({ showsWhole: results })

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

/** Ignores `@skip` and `@include`: an operation needs the scopes for everything it may ask for. */
function scopesOf({ document, schema, operationName }: ExecutionArgs): Set<Scope> {
  const operation = getOperationAST(document, operationName)
  if (operation == null) return new Set()
  const fieldsOf = createFieldFinder(
    document.definitions.filter((each) => each.kind === Kind.FRAGMENT_DEFINITION),
  )
  const rootFields = fieldsOf(operation.selectionSet).filter(({ name }) => !name.value.startsWith('__'))
  const scopes = new Set(rootFields.map(({ name }) => scopeOf(schema, operation, name.value)))
  if (operation.operation === 'mutation') {
    const shown = rootFields.flatMap((field) => {
      const whole = ['errors', ...wholeResultsOf(schema, field.name.value)]
      return fieldsOf(field.selectionSet)
        .filter(({ name }) => !whole.includes(name.value))
        .flatMap((result) => fieldsOf(result.selectionSet))
    })
    if (shown.some(({ selectionSet }) => selectionSet !== undefined)) scopes.add('read')
  }
  return scopes
}

function scopeOf(schema: GraphQLSchema, { operation }: OperationDefinitionNode, field: string): Scope {
  const own = schema.getRootType(operation)?.getFields()[field]?.extensions.scope
  return (own as Scope | undefined) ?? (operation === 'mutation' ? 'manage' : 'read')
}

const wholeResultsOf = (schema: GraphQLSchema, mutation: string): string[] =>
  (schema.getMutationType()?.getFields()[mutation]?.extensions.showsWhole as string[] | undefined) ?? []

/** Finds the fields of a selection and of its fragments. The caller must have validated the document. */
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
