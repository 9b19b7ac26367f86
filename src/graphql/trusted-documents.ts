/**
 * Operations by the hash of their document. With a file of trusted documents the service knows them, and in production
 * takes no others, so a stolen key can run only what the operator's own clients run.
 */
import { GraphQLError, type GraphQLSchema, parse, validate } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { ExpectedStartError } from '../errors.js'
import { PERSISTED_QUERY_NOT_SUPPORTED } from './error-extensions.js'
import { refusal } from './use-limits.js'

export interface TrustedDocumentsOptions {
  /** By hash. */
  documents: ReadonlyMap<string, string>
  /** Whether all other operations are refused. */
  refusesOthers: boolean
}

/** Names of the parameter with the hash, beside Apollo's `extensions.persistedQuery`. */
const HASH_PARAMETERS = ['documentId', 'doc_id'] as const

/** What a client sends of an operation, over whichever transport. */
export interface DocumentParameters {
  query?: string | null | undefined
  extensions?: { persistedQuery?: { sha256Hash?: unknown } | null } | null | undefined
  documentId?: unknown
  doc_id?: unknown
}

/**
 * @returns the text of the document to run; undefined when the parameters have neither text nor hash
 * @throws GraphQLError when it is refused
 */
export type FindDocument = (parameters: DocumentParameters) => string | undefined

/** @throws ExpectedStartError for a document that does not fit the schema */
export function createFindDocument(
  schema: GraphQLSchema,
  { documents, refusesOthers }: TrustedDocumentsOptions = { documents: new Map(), refusesOthers: false },
): FindDocument {
  checkDocuments(schema, documents)
  const texts = new Set(documents.values())
  const byHash = new Map([...documents].map(([hash, text]) => [bare(hash), text]))
  return (parameters) => {
    const { query } = parameters
    if (query) {
      if (refusesOthers && !texts.has(query)) throw notTrusted()
      return query
    }
    const hash = hashOf(parameters)
    if (hash === undefined) return query ?? undefined
    const document = byHash.get(bare(hash))
    if (document === undefined) throw refusesOthers ? notTrusted() : notSupported()
    return document
  }
}

function hashOf({ extensions, ...parameters }: DocumentParameters): string | undefined {
  const hash = extensions?.persistedQuery?.sha256Hash ?? parameters.documentId ?? parameters.doc_id
  return typeof hash === 'string' ? hash : undefined
}

/** GraphQL Code Generator writes `sha256:` before the hash; Apollo Client sends it without. */
const bare = (hash: string): string => hash.replace(/^sha256:/, '')

function checkDocuments(schema: GraphQLSchema, documents: ReadonlyMap<string, string>): void {
  for (const [hash, text] of documents) {
    const problem = problemOf(schema, text)
    if (problem === undefined) continue
    throw new ExpectedStartError(
      `Node Event Service can't start: a document in GRAPHQL_TRUSTED_DOCUMENTS_FILE is wrong, ${hash}: ${problem}`,
    )
  }
}

function problemOf(schema: GraphQLSchema, text: string): string | undefined {
  try {
    return validate(schema, parse(text))[0]?.message
  } catch (error) {
    if (error instanceof GraphQLError) return error.message
    throw error
  }
}

/** For `extraParamNames`, so that Yoga takes these parameters. */
export const hashParameters: string[] = [...HASH_PARAMETERS]

/** Puts the text of the document in place of its hash. */
export const usePersistedDocuments = (findDocument: FindDocument): Plugin => ({
  onParams({ request, params, setParams }) {
    // A batch may hold anything in place of an operation. Yoga refuses such an item by itself.
    if (typeof params !== 'object' || params === null) return
    const given: DocumentParameters = request.method === 'GET' ? { ...ofUrl(request.url), ...params } : params
    // An error is thrown, because Yoga would check the query even after a result.
    const query = findDocument(given)
    if (query !== undefined && query !== params.query) setParams({ ...params, query })
  },
})

function ofUrl(url: string): DocumentParameters {
  const { searchParams } = new URL(url)
  return Object.fromEntries(HASH_PARAMETERS.map((name) => [name, searchParams.get(name)]))
}

const notTrusted = () =>
  refusal(
    'This service runs trusted documents only. Send the hash of one as `documentId` or `extensions.persistedQuery.sha256Hash`.',
  )

/**
 * Clients with automatic persisted queries send a hash first, and the whole query after this refusal. They look for
 * this message and code: https://www.apollographql.com/docs/apollo-server/performance/apq
 */
const notSupported = () =>
  new GraphQLError('PersistedQueryNotSupported', {
    extensions: { code: PERSISTED_QUERY_NOT_SUPPORTED, http: { status: 200 } },
  })
