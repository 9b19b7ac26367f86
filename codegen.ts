/** Types for the client's operations, from `schema.graphql`: `npm run generate` writes `src/client/generated`. */
import type { CodegenConfig } from '@graphql-codegen/cli'
import {
  type DocumentNode,
  Kind,
  print,
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
  hooks: { beforeOneFileWrite: [compactDocuments, leaveOutFragments, shareSelections, declareDecoration] },
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

/** By name, of all documents. */
const fragments = new Map<string, SelectionSetNode>()

/** What a fragment selects stands in place of it, for the types of the operations and for `shareSelections`. */
function inlineFragments<Source extends { document?: DocumentNode }>(sources: Source[]): Source[] {
  for (const { document } of sources) {
    for (const definition of document?.definitions ?? []) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION)
        fragments.set(definition.name.value, definition.selectionSet)
    }
  }
  return sources.map((source) =>
    source.document ? { ...source, document: inline(source.document) } : source,
  )
}

function inline<Node extends DocumentNode | SelectionSetNode>(node: Node): Node {
  const selectionsOf = (selection: SelectionNode): readonly SelectionNode[] =>
    selection.kind === Kind.FRAGMENT_SPREAD
      ? (fragments.get(selection.name.value)?.selections ?? []).flatMap(selectionsOf)
      : [selection]
  return visit(node, {
    SelectionSet: (set) => ({ ...set, selections: set.selections.flatMap(selectionsOf) }),
  })
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

/** What a fragment selects stands once in the file: documents, and longer fragments, take it from a constant. */
function shareSelections(_path: string, content: string): string {
  const texts = [...fragments].map(([name, set]) => {
    const constant = name.charAt(0).toLowerCase() + name.slice(1)
    return { constant, text: stripIgnoredCharacters(print(inline(set))).slice(1, -1) }
  })
  texts.sort((one, other) => other.text.length - one.text.length)
  const take = (text: string, from: typeof texts) =>
    from.reduce((rest, shared) => rest.replaceAll(shared.text, `\${${shared.constant}}`), text)
  const constants = texts
    .map(({ constant, text }, index) => `const ${constant} = \`${take(text, texts.slice(index + 1))}\``)
    .reverse()
  const [types = '', ...documents] = content.split(/^(?=export const \w+Document )/m)
  return documents.length === 0
    ? content
    : `${types}${constants.join('\n')}\n${take(documents.join(''), texts)}`
}

/** The client has no dependencies, not even for a type. */
function declareDecoration(_path: string, content: string): string {
  return content.replace(
    /^import type { DocumentTypeDecoration } from .*$/m,
    'interface DocumentTypeDecoration<TResult, TVariables> { __apiType?: (variables: TVariables) => TResult }',
  )
}

export default config
