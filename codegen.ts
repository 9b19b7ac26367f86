/** Types for the client's operations, from `schema.graphql`: `npm run generate` writes `src/client/generated`. */
import type { CodegenConfig } from '@graphql-codegen/cli'
import {
  type DocumentNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  stripIgnoredCharacters,
  visit,
} from 'graphql'

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/client/operations/*.graphql',
  emitLegacyCommonJSImports: false,
  importExtension: '.js',
  silent: true,
  hooks: { beforeOneFileWrite: [compactDocuments, leaveOutFragments, declareDecoration] },
  generates: {
    'src/client/generated/': {
      preset: 'client',
      documentTransforms: [{ transform: ({ documents }) => inlineFragments(documents) }],
      presetConfig: { fragmentMasking: false },
      config: {
        // A document is its text: the client then needs nothing of GraphQL at run time.
        documentMode: 'string',
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { ID: 'string', DateTime: 'string', JSONObject: 'Record<string, unknown>' },
      },
    },
  },
}

/** A fragment would be repeated behind each document that spreads it; what it selects is shorter than that. */
function inlineFragments<Source extends { document?: DocumentNode }>(sources: Source[]): Source[] {
  const fragments = new Map<string, SelectionSetNode>()
  for (const { document } of sources) {
    for (const definition of document?.definitions ?? []) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION)
        fragments.set(definition.name.value, definition.selectionSet)
    }
  }
  const selectionsOf = (selection: SelectionNode): readonly SelectionNode[] =>
    selection.kind === Kind.FRAGMENT_SPREAD
      ? (fragments.get(selection.name.value)?.selections ?? []).flatMap(selectionsOf)
      : [selection]
  const inline = (document: DocumentNode): DocumentNode =>
    visit(document, {
      SelectionSet: (set) => ({ ...set, selections: set.selections.flatMap(selectionsOf) }),
    })
  return sources.map((source) =>
    source.document ? { ...source, document: inline(source.document) } : source,
  )
}

/**
 * Documents hold what their fragments select, so nothing needs the texts of the fragments; their types stay. Nor does
 * anything need `gql.ts`, which finds a document by its text: the client takes it by its name.
 */
function leaveOutFragments(path: string, content: string): string {
  if (path.endsWith('/gql.ts')) return 'export {}\n'
  return content.replaceAll(/^.*FragmentDoc\b.*\n/gm, '')
}

/** Browsers load these texts: without indentation, and without those that a program does not use. */
function compactDocuments(_path: string, content: string): string {
  return content.replaceAll(
    /new TypedDocumentString\(`([^`]*)`/g,
    (_all, document: string) =>
      `/*#__PURE__*/ new TypedDocumentString(\`${stripIgnoredCharacters(document)}\``,
  )
}

/** The client has no dependencies, not even for a type. */
function declareDecoration(_path: string, content: string): string {
  return content.replace(
    /^import type { DocumentTypeDecoration } from .*$/m,
    'interface DocumentTypeDecoration<TResult, TVariables> { __apiType?: (variables: TVariables) => TResult }',
  )
}

export default config
