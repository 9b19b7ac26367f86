/** GRAPHQL_TRUSTED_DOCUMENTS_FILE: GraphQL documents by their hash, as GraphQL Code Generator and Relay write them. */

const FORM =
  'must name a JSON file with a GraphQL document for each hash, as `persistedDocuments` of GraphQL Code Generator and ' +
  '`persistConfig` of Relay write it'

/** @throws Error with the problem of the setting */
export function parseTrustedDocuments(text: string): ReadonlyMap<string, string> {
  const entries = Object.entries(parseObject(text))
  const isDocument = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string'
  if (entries.length === 0) throw new Error(`${FORM}; it holds none`)
  if (!entries.every(isDocument)) throw new Error(FORM)
  return new Map(entries)
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {}
  throw new Error(FORM)
}
